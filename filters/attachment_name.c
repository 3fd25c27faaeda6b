/* What a file name says, and what it hides. */
#include "filters/attachment_name.h"

#include <string.h>

static const struct {
	unsigned tricks;
	const char *extensions;
} meanings[] = {
    {NAME_PROGRAM, "exe com scr pif cpl dll ocx sys drv msi msp msix appx appxbundle msu mst jar class gadget application "
	"appref-ms xbap xll wll chm hlp apk ipa dmg pkg app deb rpm run elf so dylib ade adp mda mdb mde accde "
	"command workflow action osx out scpt diagcab diagcfg appinstaller ppkg cab_ cmdlet xnk prf settingcontent-ms library-ms search-ms "
	"searchconnector-ms appimage bgi cnt fxp grp hpj mcf mdt mdw mdz ops osd pcd plg prg udl vsmacros vsw webpnp"},
    {NAME_PROGRAM | NAME_SCRIPT, "bat cmd btm js jse vbs vbe vba wsf wsh wsc sct ps1 ps1xml ps2 psc1 psc2 psm1 psd1 hta msc inf "
	"msh2 msh1xml msh2xml vbp reg sh bash ksh zsh csh py pyc pyw pyz pl rb php lua tcl ahk au3 ws msh msh1 mshxml job scf xsl iqy slk rgs jnlp "
	"desktop theme themepack oqy rqy dqy ins isp its mat mau mav maw mht- shb shs vsw printerexport"},
    {NAME_PROGRAM | NAME_SHORTCUT, "lnk"},
    {NAME_SHORTCUT, "url website webloc rdp"},
    {NAME_IMAGE, "iso img vhd vhdx udf nrg mds mdf daa vmdk dmg wim"},
    {NAME_HTML, "html htm xhtml shtml mht mhtml svg hta"},
};

static const char innocent[] = "pdf doc docx docm xls xlsx xlsm ppt pptx rtf odt ods txt csv jpg jpeg png gif bmp tif tiff webp mp3 "
    "mp4 avi mov wav zip rar 7z gz tar html htm xml eml msg ics log key pages numbers";

bool word_in(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; n && (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static bool has_direction(struct str name)
{
	/* U+202A..202E, U+2066..2069, U+200E, U+200F in UTF-8 */
	for (size_t i = 0; i + 2 < name.n; i++) {
		unsigned char b = (unsigned char)name.p[i + 1], c = (unsigned char)name.p[i + 2];

		if ((unsigned char)name.p[i] != 0xe2)
			continue;
		if ((b == 0x80 && ((c >= 0xaa && c <= 0xae) || c == 0x8e || c == 0x8f)) || (b == 0x81 && c >= 0xa6 && c <= 0xa9))
			return true;
	}
	return false;
}

/* Characters of more than one octet that programs show as another, or not at all. */
static const struct {
	const char *octets;
	const char *means;
} look_alikes[] = {
    {"\xef\xbc\x8e", "."}, {"\xe2\x80\xa4", "."}, {"\xef\xb9\x92", "."}, /* full width, one dot leader, small */
    {"\xc2\xa0", " "}, {"\xe3\x80\x80", " "}, {"\xe2\x80\xaf", " "}, {"\xc2\xad", ""}, {"\xe2\x80\x8b", ""}, {"\xe2\x80\x8c", ""},
    {"\xe2\x80\x8d", ""}, {"\xe2\x80\x8e", ""}, {"\xe2\x80\x8f", ""}, {"\xe2\x81\xa0", ""}, {"\xef\xbb\xbf", ""},
};

enum { TAIL_MAX = 1024 };

/* The end of the name as people see it, and without the stream of NTFS that means the file itself. */
static struct str seen(struct str name, char room[TAIL_MAX])
{
	size_t n = 0;

	name = str_from(name, name.n > TAIL_MAX ? name.n - TAIL_MAX : 0);
	if (str_iends(name, STR("::$data")))
		name.n -= 7;
	while (name.n) {
		size_t i = 0, rows = sizeof look_alikes / sizeof *look_alikes;

		while (i < rows && !str_starts(name, str_of(look_alikes[i].octets)))
			i++;
		if (i == rows)
			room[n++] = name.p[0];
		else if (look_alikes[i].means[0])
			room[n++] = look_alikes[i].means[0];
		name = str_from(name, i == rows ? 1 : strlen(look_alikes[i].octets));
	}
	return (struct str){room, n};
}

static bool is_left_out(unsigned char c)
{
	return c <= ' ' || c == '.';
}

/* Without the folder, and without what Windows drops at the end. */
static struct str bare(struct str name, unsigned *tricks)
{
	size_t n;

	for (size_t i = name.n; i-- > 0;)
		if (name.p[i] == '/' || name.p[i] == '\\') {
			name = str_from(name, i + 1);
			break;
		}
	n = name.n;
	while (n > 0 && is_left_out((unsigned char)name.p[n - 1]))
		n--;
	if (n < name.n && n > 0)
		*tricks |= NAME_TRAILING;
	return str_sub(name, 0, n);
}

/* Cuts the extension off; false when there is none that one could click on. */
static bool cut_extension(struct str *name, char ret[EXTENSION_MAX + 1])
{
	ptrdiff_t dot = str_rchr(*name, '.');
	size_t n = 0;

	ret[0] = '\0';
	if (dot < 0 || name->n - (size_t)dot - 1 > 64)
		return false;
	for (size_t i = (size_t)dot + 1; i < name->n; i++) {
		unsigned char c = (unsigned char)name->p[i];

		if (c <= ' ' || c == 0x7f)
			continue; /* "e xe" is no extension, but what would read it as one must not surprise */
		if (n == EXTENSION_MAX) {
			ret[0] = '\0';
			return false;
		}
		ret[n++] = (char)to_lower(c);
	}
	ret[n] = '\0';
	*name = str_sub(*name, 0, (size_t)dot);
	return n > 0;
}

void file_name_read(struct str name, struct file_name *ret)
{
	char before[EXTENSION_MAX + 1], room[TAIL_MAX];
	struct str stem;

	*ret = (struct file_name){.tricks = has_direction(name) ? NAME_RTLO : 0};
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			ret->tricks |= NAME_CONTROL;
	stem = bare(seen(name, room), &ret->tricks);
	if (!cut_extension(&stem, ret->extension))
		return;
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (word_in(meanings[i].extensions, ret->extension))
			ret->tricks |= meanings[i].tricks;
	while (stem.n && is_left_out((unsigned char)stem.p[stem.n - 1]))
		stem.n--;
	if ((ret->tricks & (NAME_PROGRAM | NAME_SHORTCUT | NAME_IMAGE | NAME_HTML)) && cut_extension(&stem, before) &&
	    word_in(innocent, before) && strcmp(before, ret->extension) != 0)
		ret->tricks |= NAME_DOUBLE;
}

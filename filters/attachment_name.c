/* What a file name says, and what it hides. */
#include "filters/attachment_name.h"

#include <string.h>

static const struct {
	unsigned tricks;
	const char *extensions;
} meanings[] = {
    {NAME_PROGRAM, "exe com scr pif cpl dll ocx sys drv msi msp msix msixbundle appx appxbundle msu mst jar class gadget application "
	"appref-ms xbap xll wll chm hlp apk ipa dmg pkg app deb rpm run elf so dylib ade adp mda mdb mde accde "
	"command workflow action osx out scpt diagcab diagcfg diagpkg appinstaller ppkg cab_ cmdlet xnk prf settingcontent-ms library-ms "
	"search-ms searchconnector-ms appimage bgi cnt fxp grp hpj mcf mdt mdw mdz ops osd pcd plg prg udl vsmacros vsw webpnp vsto vsix "
	"a3x air nsh vxd inetloc fileloc terminal mobileconfig mad maf mag mam maq mar mas"},
    {NAME_PROGRAM | NAME_SCRIPT, "bat cmd btm js jse mjs vb vbs vbe vba vbscript wsf wsh wsc sct ps1 ps1xml ps2 ps2xml psc1 psc2 psm1 psd1 "
	"psdm1 hta htc msc inf msh2 msh1xml msh2xml vbp reg sh bash ksh zsh csh py pyc pyo pyw pyz pyzw rb rbw pl php lua tcl ahk au3 ws msh "
	"msh1 mshxml job scf xsl iqy slk rgs jnlp bas desktop theme themepack oqy rqy dqy ins isp its mat mau mav maw mht- shb shs "
	"printerexport"},
    {NAME_PROGRAM | NAME_SHORTCUT, "lnk"},
    {NAME_SHORTCUT, "url website webloc rdp"},
    {NAME_IMAGE, "iso img vhd vhdx udf nrg mds mdf daa vmdk dmg wim"},
    {NAME_HTML, "html htm xhtml shtml mht mhtml svg hta"},
};

static const char innocent[] = "pdf doc docx docm dot dotx dotm xls xlsx xlsm xlsb xlt xltx ppt pptx pptm pps ppsx pot potx rtf odt ods odp odg txt "
    "csv md json one jpg jpeg jfif png gif bmp tif tiff webp heic heif avif svg eps mp3 mp4 m4a m4v mkv avi mov wav wma wmv zip rar 7z gz tar html "
    "htm xml eml msg ics vcf log key pages numbers epub";

bool word_in(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; n && (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

/* One character of UTF-8, cut off; an octet that begins none is taken for itself. */
static uint32_t take_character(struct str *s)
{
	unsigned char first = (unsigned char)s->p[0];
	size_t n = first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
	uint32_t c = n == 1 ? first : first & (0x7fu >> n);

	for (size_t i = 1; i < n; i++) {
		if (i >= s->n || ((unsigned char)s->p[i] & 0xc0) != 0x80) {
			n = 1;
			c = first;
			break;
		}
		c = c << 6 | ((unsigned char)s->p[i] & 0x3f);
	}
	*s = str_from(*s, n);
	return c;
}

static bool is_direction(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x61c;
}

static bool has_direction(struct str name)
{
	while (name.n)
		if ((unsigned char)name.p[0] < 0x80)
			name = str_from(name, 1);
		else if (is_direction(take_character(&name)))
			return true;
	return false;
}

/* Characters that programs show as another, or not at all; means: 0 nothing. */
enum { FULL_WIDTH = 0xfee0 /* so far from ASCII */ };
static const struct {
	uint32_t first, last;
	char means;
} look_alikes[] = {
    {0x85, 0x85, ' '}, {0xa0, 0xa0, ' '}, {0xad, 0xad, 0}, {0x34f, 0x34f, 0}, {0x61c, 0x61c, 0}, {0x115f, 0x1160, ' '}, {0x1680, 0x1680, ' '},
    {0x17b4, 0x17b5, 0}, {0x180b, 0x180f, 0}, {0x2000, 0x200a, ' '}, {0x200b, 0x200f, 0}, {0x2024, 0x2024, '.'}, {0x2028, 0x2029, ' '},
    {0x202a, 0x202e, 0}, {0x202f, 0x202f, ' '}, {0x205f, 0x205f, ' '}, {0x2060, 0x206f, 0}, {0x2800, 0x2800, ' '}, {0x3000, 0x3000, ' '},
    {0x3164, 0x3164, ' '}, {0xfe00, 0xfe0f, 0}, {0xfe52, 0xfe52, '.'}, {0xfeff, 0xfeff, 0}, {0xffa0, 0xffa0, ' '}, {0xe0000, 0xe0fff, 0},
};

/* False when it stands for nothing but itself. */
static bool look_alike(uint32_t c, char *ret)
{
	if (c > 0xff00 && c < 0xff5f) {
		*ret = (char)(c - FULL_WIDTH);
		return true;
	}
	for (size_t i = 0; i < sizeof look_alikes / sizeof *look_alikes; i++)
		if (c >= look_alikes[i].first && c <= look_alikes[i].last) {
			*ret = look_alikes[i].means;
			return true;
		}
	return false;
}

enum { TAIL_MAX = 1024 };

/* The end of the name as people see it. */
static struct str seen(struct str name, char room[TAIL_MAX])
{
	size_t n = 0;

	name = str_from(name, name.n > TAIL_MAX ? name.n - TAIL_MAX : 0);
	while (name.n) {
		struct str here = name;
		char c;

		if (!look_alike(take_character(&name), &c)) {
			memcpy(room + n, here.p, here.n - name.n);
			n += here.n - name.n;
		} else if (c) {
			room[n++] = c;
		}
	}
	return (struct str){room, n};
}

/* Quotes stay where a field was not written by the rules. */
static bool is_left_out(unsigned char c)
{
	return c <= ' ' || c == '.' || c == '"' || c == '\'';
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
	for (n = name.n; n > 0 && is_left_out((unsigned char)name.p[n - 1]); n--)
		if (n > 1 && name.p[n - 1] != '"' && name.p[n - 1] != '\'')
			*tricks |= NAME_TRAILING;
	return str_sub(name, 0, n);
}

/* "{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}": a class, whose program opens the file; systems do not show it. */
static bool is_class(struct str extension)
{
	static const char like[] = "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}";

	for (size_t i = 0; i < extension.n && i < sizeof like; i++)
		if (like[i] == 'x' ? hex_value(extension.p[i]) < 0 : extension.p[i] != like[i])
			return false;
	return extension.n == sizeof like - 1;
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

/* One way to read the name; the first that has an extension gives it. */
static void read_as(struct str name, struct file_name *ret)
{
	char extension[EXTENSION_MAX + 1], before[EXTENSION_MAX + 1];
	struct str stem = bare(name, &ret->tricks);
	ptrdiff_t dot = str_rchr(stem, '.');
	unsigned tricks = 0;

	if (dot >= 0 && is_class(str_from(stem, (size_t)dot + 1))) {
		stem = str_sub(stem, 0, (size_t)dot);
		extension[0] = '\0';
		tricks = NAME_PROGRAM;
	} else if (!cut_extension(&stem, extension)) {
		return;
	}
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (word_in(meanings[i].extensions, extension))
			tricks |= meanings[i].tricks;
	while (stem.n && is_left_out((unsigned char)stem.p[stem.n - 1]))
		stem.n--;
	if ((tricks & (NAME_PROGRAM | NAME_SHORTCUT | NAME_IMAGE | NAME_HTML)) && cut_extension(&stem, before) &&
	    word_in(innocent, before) && strcmp(before, extension) != 0)
		tricks |= NAME_DOUBLE;
	ret->tricks |= tricks;
	if (!ret->extension[0])
		memcpy(ret->extension, extension, sizeof extension);
}

/* "a.\exe": some programs take the backslash away, for it quotes; others take it for a folder's. */
static void read_quoted(struct str name, struct file_name *ret)
{
	char room[TAIL_MAX];
	size_t n = 0;

	if (str_chr(name, '\\') < 0)
		return;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\\')
			room[n++] = name.p[i];
	read_as((struct str){room, n}, ret);
}

void file_name_read(struct str name, struct file_name *ret)
{
	char room[TAIL_MAX];
	struct str text = seen(name, room);
	ptrdiff_t colon = str_chr(text, ':');

	*ret = (struct file_name){.tricks = has_direction(name) ? NAME_RTLO : 0};
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			ret->tricks |= NAME_CONTROL;
	/* "a.exe:x" is a stream of a.exe, "a.exe::$DATA" the file itself; "C:\a.exe" has a drive. */
	if (colon > 1)
		read_as(str_sub(text, 0, (size_t)colon), ret);
	if (colon <= 1 || !str_iends(str_trim(text), STR(":$data")))
		read_as(text, ret);
	read_quoted(text, ret);
}

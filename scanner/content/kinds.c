/* The table of what content can be: its media type, the extensions that fit, and what follows. */
#include <assert.h>

#include "scanner/wire.h"

#define PROGRAM WIRE_F_PROGRAM
#define SCRIPT (WIRE_F_PROGRAM | WIRE_F_SCRIPT)
#define ARCHIVE WIRE_F_ARCHIVE
#define DISK (WIRE_F_ARCHIVE | WIRE_F_IMAGE)

static const struct wire_kind kinds[KIND_COUNT] = {
    [KIND_UNKNOWN] = {"application/octet-stream", "", 0},
    [KIND_EMPTY] = {"application/x-empty", "", 0},
    [KIND_TEXT] = {"text/plain", "", 0},
    [KIND_HTML] = {"text/html", "html htm xhtml shtml mht mhtml eml hta svg xml txt asp aspx jsp php", WIRE_F_HTML},
    [KIND_XML] = {"text/xml", "", 0},
    [KIND_MAIL] = {"message/rfc822", "", 0},
    [KIND_RTF] = {"application/rtf", "rtf doc dot", 0},
    [KIND_PDF] = {"application/pdf", "pdf ai fdf", 0},
    [KIND_EXE] = {"application/x-dosexec", "exe dll scr com sys cpl ocx pif drv efi ax mui fon msstyles", PROGRAM},
    [KIND_ELF] = {"application/x-elf", "so o ko elf out run axf prx", PROGRAM},
    [KIND_MACHO] = {"application/x-mach-binary", "dylib bundle o", PROGRAM},
    [KIND_CLASS] = {"application/x-java-class", "class", PROGRAM},
    [KIND_DEX] = {"application/x-dex", "dex", PROGRAM},
    [KIND_LNK] = {"application/x-ms-shortcut", "lnk", PROGRAM | WIRE_F_SHORTCUT},
    [KIND_OLE] = {"application/x-ole-storage", "doc dot xls xlt ppt pps pot msg msi msp vsd pub mpp db oft wps wiz xla", 0},
    [KIND_WORD] = {"application/msword", "doc dot docx docm wiz rtf wbk", 0},
    [KIND_EXCEL] = {"application/vnd.ms-excel", "xls xlt xla xlm xlw xlsx xlsm xlsb", 0},
    [KIND_POWERPOINT] = {"application/vnd.ms-powerpoint", "ppt pps pot ppa pptx", 0},
    [KIND_MSG] = {"application/vnd.ms-outlook", "msg oft", 0},
    [KIND_MSI] = {"application/x-msi", "msi msp msm mst", PROGRAM},
    [KIND_OOXML] = {"application/vnd.openxmlformats", "docx docm dotx dotm xlsx xlsm xltx xltm xlsb xlam pptx pptm ppsx ppsm "
	"potx potm ppam vsdx vsdm xps thmx sldx nupkg zip", 0},
    [KIND_DOCX] = {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx docm dotx dotm", 0},
    [KIND_XLSX] = {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"xlsx xlsm xltx xltm xlsb xlam", 0},
    [KIND_PPTX] = {"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"pptx pptm ppsx ppsm potx potm ppam", 0},
    [KIND_ODF] = {"application/vnd.oasis.opendocument", "odt ods odp odg odf odb odc ott ots otp otg sxw sxc epub", 0},
    [KIND_JAR] = {"application/java-archive", "jar war ear apk jnlp aar zip xpi", PROGRAM | ARCHIVE},
    [KIND_ZIP] = {"application/zip", "zip zipx docx xlsx pptx docm xlsm pptm jar apk odt ods odp epub kmz xpi vsix whl "
	"3mf cbz ipa appx msix nupkg xps egg pages numbers key idml", ARCHIVE},
    [KIND_RAR] = {"application/x-rar", "rar cbr r00 r01 rev", ARCHIVE},
    [KIND_7Z] = {"application/x-7z-compressed", "7z cb7 001", ARCHIVE},
    [KIND_TAR] = {"application/x-tar", "tar gem ova", ARCHIVE},
    [KIND_GZIP] = {"application/gzip", "gz tgz gzip svgz dmp emz z wmz adz", ARCHIVE},
    [KIND_BZIP2] = {"application/x-bzip2", "bz2 tbz tbz2 bz", ARCHIVE},
    [KIND_XZ] = {"application/x-xz", "xz txz", ARCHIVE},
    [KIND_ZSTD] = {"application/zstd", "zst tzst", ARCHIVE},
    [KIND_LZMA] = {"application/x-lzma", "lzma tlz", ARCHIVE},
    [KIND_CAB] = {"application/vnd.ms-cab-compressed", "cab msu wsp one", ARCHIVE},
    [KIND_ISO] = {"application/x-iso9660-image", "iso img udf", DISK},
    [KIND_ARJ] = {"application/x-arj", "arj", ARCHIVE},
    [KIND_LHA] = {"application/x-lha", "lha lzh", ARCHIVE},
    [KIND_CPIO] = {"application/x-cpio", "cpio rpm", ARCHIVE},
    [KIND_ACE] = {"application/x-ace", "ace", ARCHIVE},
    [KIND_LZ] = {"application/x-lzip", "lz tlz", ARCHIVE},
    [KIND_COMPRESS] = {"application/x-compress", "z taz", ARCHIVE},
    [KIND_TNEF] = {"application/ms-tnef", "dat tnef", ARCHIVE},
    [KIND_CHM] = {"application/vnd.ms-htmlhelp", "chm", PROGRAM},
    [KIND_VHD] = {"application/x-virtual-disk", "vhd vhdx vmdk qcow qcow2 vdi", DISK},
    [KIND_DMG] = {"application/x-apple-diskimage", "dmg", DISK},
    [KIND_UDF] = {"application/x-udf-image", "iso img udf", DISK},
    [KIND_ONENOTE] = {"application/onenote", "one onetoc2", 0},
    [KIND_SWF] = {"application/x-shockwave-flash", "swf", PROGRAM},
    [KIND_PNG] = {"image/png", "png apng ico", 0},
    [KIND_JPEG] = {"image/jpeg", "jpg jpeg jpe jfif mpo thm", 0},
    [KIND_GIF] = {"image/gif", "gif", 0},
    [KIND_BMP] = {"image/bmp", "bmp dib", 0},
    [KIND_WEBP] = {"image/webp", "webp", 0},
    [KIND_TIFF] = {"image/tiff", "tif tiff dng nef cr2 arw", 0},
    [KIND_SVG] = {"image/svg+xml", "svg", 0},
    [KIND_ICO] = {"image/x-icon", "ico cur", 0},
    [KIND_MP3] = {"audio/mpeg", "mp3 mpga", 0},
    [KIND_MP4] = {"video/mp4", "mp4 m4a m4v mov 3gp heic heif avif qt f4v jp2", 0},
    [KIND_OGG] = {"application/ogg", "ogg oga ogv opus spx", 0},
    [KIND_WAV] = {"audio/x-wav", "wav", 0},
    [KIND_AVI] = {"video/x-msvideo", "avi", 0},
    [KIND_FONT] = {"font/sfnt", "ttf otf woff woff2 ttc eot", 0},
    [KIND_SHELL] = {"text/x-shellscript", "sh bash ksh zsh run command txt pl py rb awk configure in", SCRIPT},
    [KIND_BATCH] = {"text/x-msdos-batch", "bat cmd btm nt txt", SCRIPT},
    [KIND_POWERSHELL] = {"text/x-powershell", "ps1 psm1 psd1 txt", SCRIPT},
    [KIND_JAVASCRIPT] = {"text/javascript", "js jse mjs txt wsf", SCRIPT},
    [KIND_VBSCRIPT] = {"text/vbscript", "vbs vbe vba bas txt wsf hta", SCRIPT},
    [KIND_PHP] = {"text/x-php", "php php3 php5 phtml inc txt", SCRIPT},
    [KIND_PYTHON] = {"text/x-python", "py pyw txt", SCRIPT},
    [KIND_WASM] = {"application/wasm", "wasm", PROGRAM},
    [KIND_SZDD] = {"application/x-ms-compress", "ex_ dl_ sy_", ARCHIVE},
    [KIND_BINHEX] = {"application/mac-binhex40", "hqx hex", ARCHIVE},
    [KIND_REG] = {"text/x-windows-registry", "reg txt", SCRIPT},
    [KIND_URL] = {"application/x-internet-shortcut", "url website txt", WIRE_F_SHORTCUT},
    [KIND_SQLITE] = {"application/vnd.sqlite3", "db sqlite sqlite3 db3", 0},
    [KIND_PGP] = {"application/pgp", "", 0},
    [KIND_DER] = {"application/x-der", "", 0},
    [KIND_ICS] = {"text/calendar", "ics ical txt vcs", 0},
    [KIND_VCARD] = {"text/vcard", "vcf vcard txt", 0},
    [KIND_MSO] = {"application/x-mso", "mso", 0},
    [KIND_WIM] = {"application/x-ms-wim", "wim swm esd", DISK},
    [KIND_SLK] = {"application/x-sylk", "slk", 0},
    [KIND_DISK] = {"application/x-raw-disk-image", "img ima dsk vfd flp iso vhd", DISK},
    [KIND_LZ4] = {"application/x-lz4", "lz4", ARCHIVE},
    [KIND_AR] = {"application/x-archive", "a ar deb udeb ipk lib", ARCHIVE},
    [KIND_RPM] = {"application/x-rpm", "rpm", ARCHIVE},
    [KIND_XAR] = {"application/x-xar", "xar pkg safariextz", ARCHIVE},
    [KIND_ALZ] = {"application/x-alz", "alz", ARCHIVE},
    [KIND_EGG] = {"application/x-egg", "egg", ARCHIVE},
    [KIND_STUFFIT] = {"application/x-stuffit", "sit sitx sea", ARCHIVE},
    [KIND_ZOO] = {"application/x-zoo", "zoo", ARCHIVE},
    [KIND_ZPAQ] = {"application/x-zpaq", "zpaq", ARCHIVE},
    [KIND_LZO] = {"application/x-lzop", "lzo", ARCHIVE},
};

static const char *const statuses[WIRE_STATUSES] = {
    [WIRE_CLEAN] = "clean",
    [WIRE_BROKEN] = "broken",
    [WIRE_ENCRYPTED] = "encrypted",
    [WIRE_LIMIT] = "limit",
    [WIRE_UNSCANNED] = "unscanned",
    [WIRE_INFECTED] = "infected",
};

const struct wire_kind *wire_kind(unsigned kind)
{
	assert(kind < KIND_COUNT);
	return &kinds[kind];
}

const char *wire_status_name(unsigned status)
{
	assert(status < WIRE_STATUSES);
	return statuses[status];
}

/* Alerts of libclamav that are no signature: names begin so. */
static const struct {
	const char *start;
	enum wire_status status;
} alerts[] = {
    {"Heuristics.Limits.Exceeded", WIRE_LIMIT},
    {"Heuristics.Encrypted.", WIRE_ENCRYPTED},
    {"Heuristics.Broken.", WIRE_BROKEN},
};

enum wire_status wire_alert_status(struct str name)
{
	for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
		if (str_starts(name, str_of(alerts[i].start)))
			return alerts[i].status;
	return WIRE_INFECTED;
}

struct str content_stem(struct str name)
{
	static const char *const tars[] = {".tgz", ".tbz", ".tbz2", ".txz", ".tlz", ".tzst", ".taz"};
	ptrdiff_t dot = str_rchr(name, '.');

	if (dot <= 0)
		return name;
	for (size_t i = 0; i < sizeof tars / sizeof *tars; i++)
		if (str_iis(str_from(name, (size_t)dot), tars[i]))
			return STR_NONE;
	return str_sub(name, 0, (size_t)dot);
}

/* The lists, sorted, and the look-up of a domain and those above it. */
#include "core/url/known_domains.h"

static const char *const freemail[] = {
    "126.com", "139.com", "163.com", "189.cn", "1und1.de", "21cn.com", "abv.bg", "aim.com",
    "airmail.cc", "alice.it", "aliyun.com", "anonaddy.com", "aol.com", "arcor.de", "asia.com",
    "atlas.cz", "att.net", "azet.sk", "bbox.fr", "bellsouth.net", "bigpond.com", "bk.ru", "bluewin.ch",
    "blueyonder.co.uk", "bol.com.br", "bredband.net", "btinternet.com", "centrum.cz", "charter.net",
    "chello.nl", "citromail.hu", "clix.pt", "cock.li", "comcast.net", "consultant.com", "cox.net",
    "daum.net", "dir.bg", "disroot.org", "docomo.ne.jp", "duck.com", "earthlink.net", "email.com",
    "email.cz", "email.it", "europe.com", "excite.co.jp", "excite.com", "ezweb.ne.jp", "fastmail.com",
    "fastmail.fm", "foxmail.com", "free.fr", "freemail.hu", "freenet.de", "gazeta.pl", "globo.com",
    "globomail.com", "gmail.com", "gmx.at", "gmx.ch", "gmx.co.uk", "gmx.com", "gmx.de", "gmx.fr",
    "gmx.net", "gmx.us", "googlemail.com", "hanmail.net", "hey.com", "hispeed.ch", "home.nl", "hot.ee",
    "hotmail.be", "hotmail.co.jp", "hotmail.co.uk", "hotmail.com", "hotmail.com.ar", "hotmail.com.br",
    "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it", "hotmail.nl", "hush.com", "hushmail.com",
    "i.ua", "icloud.com", "ig.com.br", "in.gr", "inbox.com", "inbox.lt", "inbox.lv", "inbox.ru",
    "indamail.hu", "indiatimes.com", "interia.pl", "internet.ru", "iol.pt", "jubii.dk", "juno.com",
    "kakao.com", "keemail.me", "kpnmail.nl", "laposte.net", "libero.it", "list.ru", "live.be",
    "live.ca", "live.co.uk", "live.com", "live.com.au", "live.com.mx", "live.de", "live.fr", "live.it",
    "live.nl", "lycos.com", "mac.com", "mail.bg", "mail.com", "mail.dk", "mail.ee", "mail.ru",
    "mail2world.com", "mailbox.org", "mailfence.com", "mailo.com", "me.com", "meta.ua", "mozmail.com",
    "msn.com", "mynet.com", "myway.com", "nate.com", "naver.com", "netcourrier.com", "netvision.net.il",
    "netzero.net", "neuf.fr", "ntlworld.com", "o2.pl", "one.lt", "onet.pl", "online.de", "online.no",
    "op.pl", "openmailbox.org", "optonline.net", "optusnet.com.au", "orange.fr", "otenet.gr",
    "outlook.co.th", "outlook.com", "outlook.com.br", "outlook.de", "outlook.es", "outlook.fr",
    "outlook.it", "outlook.jp", "passport.com", "planet.nl", "pm.me", "poczta.fm", "post.com",
    "posteo.de", "posteo.net", "proton.me", "protonmail.ch", "protonmail.com", "qq.com", "rambler.ru",
    "rediffmail.com", "riseup.net", "rocketmail.com", "rogers.com", "runbox.com", "safe-mail.net",
    "sapo.pt", "sbcglobal.net", "seznam.cz", "sfr.fr", "shaw.ca", "sify.com", "simplelogin.com",
    "sina.cn", "sina.com", "skiff.com", "sky.com", "skynet.be", "softbank.ne.jp", "sohu.com",
    "spray.se", "start.no", "startmail.com", "sunrise.ch", "sympatico.ca", "t-online.de",
    "talktalk.net", "telenet.be", "telia.com", "telus.net", "terra.com.br", "tin.it", "tiscali.it",
    "tom.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de", "ukr.net",
    "uol.com.br", "usa.com", "verizon.net", "vip.163.com", "vip.qq.com", "virgilio.it",
    "virginmedia.com", "vodafone.de", "vp.pl", "walla.co.il", "walla.com", "wanadoo.fr", "web.de",
    "wp.pl", "xs4all.nl", "ya.ru", "yahoo.ca", "yahoo.co.id", "yahoo.co.in", "yahoo.co.jp",
    "yahoo.co.nz", "yahoo.co.uk", "yahoo.co.za", "yahoo.com", "yahoo.com.ar", "yahoo.com.au",
    "yahoo.com.br", "yahoo.com.hk", "yahoo.com.mx", "yahoo.com.ph", "yahoo.com.sg", "yahoo.com.tw",
    "yahoo.com.vn", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.gr", "yahoo.in", "yahoo.it", "yahoo.pl",
    "yahoo.ro", "yahoo.se", "yandex.com", "yandex.ru", "yeah.net", "ymail.com", "ziggo.nl", "zoho.com",
    "zohomail.com", "zoznam.sk",
};

static const char *const shorteners[] = {
    "acortar.link", "adf.ly", "app.link", "bc.vc", "bit.do",
    "bit.ly", "bitly.com", "bl.ink", "budurl.com", "buff.ly", "chilp.it", "clck.ru", "cli.gs",
    "cutt.ly", "dlvr.it", "dub.co", "dub.sh", "dwz.cn", "encurtador.com.br",
    "goo.gl", "han.gl", "hubs.la", "hubs.ly", "hyperurl.co",
    "ift.tt", "is.gd", "j.mp", "kutt.it", "l.ead.me", "lc.cx", "linktr.ee", "lnk.bio", "lnk.to",
    "lnkd.in", "mcaf.ee", "me-qr.com", "me2.kr", "moourl.com", "n9.cl", "onelink.me", "ouo.io", "ow.ly",
    "page.link", "po.st", "qr.ae", "qr.net", "qrco.de", "rb.gy", "rebrand.ly", "s.coop", "s.id",
    "short.gy", "short.io", "shorte.st", "shorturl.at", "shorturl.gg", "shrtco.de", "smarturl.it",
    "snip.ly", "soo.gd", "spoo.me", "su.pr", "suo.im", "t.cn", "t.co", "t.ly", "t.me", "tiny.cc",
    "tiny.one", "tinylink.net", "tinyurl.com", "tny.im", "tr.im", "trib.al", "u.to", "ulvis.net",
    "url.cn", "urlz.fr", "urlzs.com", "v.gd", "vk.cc", "vu.fr", "wa.me", "x.co", "yourls.org",
    "zpr.io",
};

/* Sites that hand out names or folders to anybody. */
static const char *const hosters[] = {
    "000webhostapp.com", "appspot.com", "azureedge.net", "azurefd.net", "azurewebsites.net",
    "backblazeb2.com", "beget.tech", "bitbucket.io", "blob.core.windows.net", "blogspot.com",
    "bubbleapps.io", "carrd.co", "cf-ipfs.com", "cloudapp.azure.com", "cloudfront.net",
    "cloudwaysapps.com", "codesandbox.io", "cprapid.com", "ddns.net", "duckdns.org", "dweb.link",
    "dynu.net", "edgeone.app", "fastly.net", "firebaseapp.com", "fleek.co", "framer.app",
    "framer.website", "freemyip.com", "ghost.io", "gitbook.io", "github.io", "gitlab.io", "glitch.me",
    "godaddysites.com", "herokuapp.com", "hopto.org", "hpage.com", "infinityfreeapp.com", "ipfs.io",
    "jimdofree.com", "jimdosite.com", "jotform.com", "mybluehost.me", "myftp.org", "myshopify.com",
    "mystrikingly.com", "netlify.app", "nftstorage.link", "ngrok-free.app", "ngrok.io", "no-ip.org",
    "notion.site", "on-fleek.app", "onrender.com", "pages.dev", "plesk.page", "pythonanywhere.com",
    "r2.dev", "railway.app", "render.com", "repl.co", "replit.app", "replit.dev", "s3.amazonaws.com",
    "shopifypreview.com", "sites.google.com", "square.site", "storage.googleapis.com", "surge.sh",
    "systeme.io", "sytes.net", "translate.goog", "trycloudflare.com", "tumblr.com", "typeform.com",
    "vercel.app", "w3s.link", "wasabisys.com", "web.app", "web.core.windows.net", "webador.com",
    "webflow.io", "weebly.com", "weeblysite.com", "wixsite.com", "wixstudio.com", "wordpress.com",
    "workers-playground.com", "workers.dev", "yolasite.com", "zapto.org",
};

#define ROW(v) {v, sizeof v / sizeof *v}
static const struct {
	const char *const *v;
	size_t n;
} kinds[KNOWN_KINDS] = {
    [KNOWN_FREEMAIL] = ROW(freemail),
    [KNOWN_SHORTENER] = ROW(shorteners),
    [KNOWN_HOSTER] = ROW(hosters),
};
#undef ROW

static bool is_listed(enum known_domains kind, struct str domain)
{
	size_t low = 0, high = kinds[kind].n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_icmp(domain, str_of(kinds[kind].v[middle]));
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool domain_is_known(enum known_domains kind, struct str domain)
{
	while (domain.n) {
		ptrdiff_t dot = str_chr(domain, '.');

		if (is_listed(kind, domain))
			return true;
		domain = dot < 0 ? STR_NONE : str_from(domain, (size_t)dot + 1);
	}
	return false;
}

const char *const *known_domains(enum known_domains kind, size_t *ret_n)
{
	*ret_n = kinds[kind].n;
	return kinds[kind].v;
}

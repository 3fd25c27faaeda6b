/* What mail servers in the field write into Received, as patterns. */
#include "rules/evals/received_formats.h"

#include <stddef.h>

/* Behind "from ". Specific ones first; the order decides. */
const struct format received_formats[] = {
    {"Mail authenticated user ", "%I\\b(?![.-]).{10,80}by %B with HTTP", 0},
    {"with HTTP (WebMailUI)", "%I by %B \\(%i\\) with HTTP \\(WebMailUI\\)", 0},
    {" SMTPSVC", "^%h \\(\\[%I\\][^)]{0,40}\\) by %B with Microsoft SMTPSVC", 0},
    {" SMTPSVC", "^mail pickup service by \\S+ with Microsoft SMTPSVC$", SKIP},
    {" with ", "^%H \\(\\[?%I(?:%[A-Z0-9._~-]*)?\\]?\\) by %B (?=(?:.* )?with (?:Microsoft SMTP Server|mapi id) "
               "(?:\\([^)]+\\) )?\\d+\\.\\d+\\.\\d+\\.\\d+(?:$| ))", NO_ID},
    {"[XMail ", "^%H \\(\\[?%I\\]?:\\d+\\) by %B(?: \\(\\S+\\))? with \\[XMail.*? id <(?<id>\\S+)>"
                "(?:.*? from <(?<envfrom>\\S+)>)?", 0},
    {"(ecelerity", "^\\(\\[%I:\\d+\\] helo=%H\\) by %B ", 0},
    {"(ecelerity", "^\\S+ \\(\\[%I:\\d+\\]\\) by %B ", 0},
    {"Exim", "^.*\\bwith local(?:-\\S+)? ", SKIP},
    {"Exim", "^\\[%I\\] \\((?<sub>.*?)\\) by %B ", 0},
    {"Exim", "^%R \\(\\[%I\\](?<sub>.*?)\\) by %B ", SAME_HELO},
    {"Exim", "^%R \\[%I\\](?::\\d+)? by %B ", SAME_HELO},
    {"Exim", "^%R (?:\\(%H\\) )?.*?\\[%I(?:\\.\\d+)?\\] .*?by %B ", 0},
    {" (Postfix) with", "^%H \\(%R ?\\[%I\\]\\) by %B ", LOOKS_UP},
    {"(Scalix SMTP Relay", "^%H \\( ?%I\\) by %B", 0},
    {" (Lotus Domino ", "^%H \\(\\[%I\\]\\) by %B \\(Lotus", 0},
    {"with HTTP", "^%I \\(\\[%i\\]\\) by %B.*\\bwith HTTP\\b", 0},
    {NULL, "^(?!.* by \\S+ \\(qmail-\\S+\\) with )%H \\(%R \\[%I\\].*\\) by %B \\(", LOOKS_UP},
    {NULL, "^%H \\(%R \\[%I\\]\\) by %B with \\S+ \\(", LOOKS_UP},
    {NULL, "^%R \\(\\[%I\\] helo=%H\\) by %B with ", 0},
    {"(<unknown", "^%H \\(<unknown\\S*>\\[%I\\]\\) by %B ", 0},
    {NULL, "^%H \\((?<rdns>\\S+\\.\\S+)\\[%I\\]\\) by %B ", LOOKS_UP},
    {"@[", "^%H \\(%U@\\[%I\\].*\\) by %B \\(", LOOKS_UP},
    {".hotmail.msn.com ", "^(?:%I )?.*by (?<by>\\S+\\.hotmail\\.msn\\.com) ", 0},
    {"(qpsmtpd/", "^%R \\(%E %h\\) \\(%I\\) by %B \\(qpsmtpd/\\S+\\) with E?SMTP", 0},
    {"(LHLO ", "^%R \\(LHLO %h\\) \\(%I\\) by %B with LMTP", 0},
    {NULL, "^%R \\(%E %h\\) \\[%I\\] by %B \\([^)]+\\) with E?SMTP", 0},
    {" via smtpd (for ", "^%H \\(\\[%I\\]\\) by %B via smtpd \\(for \\S+\\) with SMTP\\(", 0},
    {NULL, "^%R \\(%E (?<helo>[^ ()]*)\\) \\((?:%U@)?\\[?%I\\]?\\)(?: \\(envelope-sender <\\S+>\\))? by %B"
           "(?: \\(.+\\))* with (?:.* )?(?:SMTP|QMQP)(?! id )", UNKNOWN_NAME},
    {NULL, "^%R \\((?:%U@)?\\[?%I\\]?\\)(?: \\(envelope-sender <\\S+>\\))? by %B(?: \\(.+\\))* with "
           "(?:.* )?(?:SMTP|QMQP)(?! id )", UNKNOWN_NAME | SAME_HELO},
    {" via HTTP", "^\\[%I\\] by %B via HTTP$", 0},
    {"( [", "^\\S+ \\( \\[%I\\]\\).*? by %B ", 0},
    {NULL, "^\\(%H \\[%I\\]\\) by %B ", 0},
    {NULL, "^\\[%I\\] by %B ", 0},
    {NULL, "^\\(\\[?%I\\]?\\) by %B ", 0},
    {NULL, "^%H \\[%I\\] by %B \\[%i\\] with ", LOOKS_UP},
    {"[(", "^%H \\[\\(%I\\)\\] by %B \\(%i\\) ", 0},
    {NULL, "^%H \\(\\[%I\\]\\) by %B \\(", LOOKS_UP},
    {"(softdnserr ", "^%H \\(softdnserr \\[%I\\]\\).*? by (?<by>\\S+)\\b", 0},
    {NULL, "^%H \\(%R \\[%I\\]\\).*? by (?<by>\\S+)\\b", LOOKS_UP},
    {NULL, "^%H \\(\\[%I(?:[.:]\\d+)?\\]\\).*? by %B ", LOOKS_UP},
    {"with POP3", "^", FETCHED},
    {"with IMAP", "^", FETCHED},
    {NULL, "^%R \\(%E (?<helo>[^)]*)\\) \\((?:%U@)?\\[?%I\\]?\\).* by %B ", LOOKS_UP},
    {NULL, "^%R \\((?:%U@)?\\[?%I\\]?\\).* by %B ", LOOKS_UP | SAME_HELO},
    {" with http for ", "^\\[%I\\] by %B with http for ", 0},
    {" via smap ", "^%R\\(%I(?:, %E %h)?\\) by %B via smap ", LOOKS_UP},
    {NULL, "^%I by %B \\((?:SMTPL|InterScan)\\b", 0},
    {" with BSMTP", "^\\S+ by \\S+ with BSMTP", SKIP},
    {NULL, "^%H \\(%R \\[%I\\]\\) by %B with ", LOOKS_UP},
    {NULL, "^%R \\(%E %h\\) \\((?:(?<ident>\\S+)@)?%I.*?\\) by %B with ", LOOKS_UP},
    {NULL, "^\\[%I\\] \\((?:account \\S+ )?%E %h\\) by %B \\(", 0},
    {" (CommuniGate Pro", "^%R \\(\\[%I\\] verified\\) by %B \\(", LOOKS_UP | SAME_HELO},
    {NULL, "^\\(\\[%I\\]\\) by %B with ", 0},
    {NULL, "^(?<helo>[^\\d]\\S+) \\(%I\\) by %B ", 0},
    {"(Content Technologies ", "^\\S+ \\(\\S+\\) by \\S+ \\(Content Technologies ", SKIP},
    {"] [", "^%H \\(\\[%I\\] \\[\\S+\\]\\) by %B with ", 0},
    {NULL, "^%I by %B with ", 0},
    {NULL, "^%H \\(%R\\[%I\\]\\) by %B ", LOOKS_UP},
    {NULL, "^\\[%I\\]\\S+ \\(%E %h\\) by %B ", 0},
    {NULL, "^%I \\(%E %h\\) by %B ", 0},
    {NULL, "^%H \\[%I\\] by %B ", 0},
    {NULL, "^%R\\(%I\\) by %B ", 0},
    {"(unverified [", "^%H \\(unverified \\[%I\\]\\) by %B ", 0},
    {NULL, "^%I \\([A-Za-z][^)]+\\) by %B with ", 0},
    {NULL, "^\\[%I\\] \\((?<sub>[^)]+)\\) by %B ", 0},
    {NULL, "^%R \\((?:\\S+@)?%I\\) by %B with ", 0},
    {" via ", "^(?:UNKNOWN|%R)\\(%I\\)(?:, claiming to be \"%H\")? via \\S+ by (?<by>\\S+),", LOOKS_UP},
    {"X-Originating-IP: ", "^X-Originating-IP: %I$", 0},
    {"with login", "^%H \\(\\S+@%I with login\\) by (?<by>\\S+\\.yahoo\\.com) with SMTP", 0},

    /* Hand-overs inside one host, or without an address: nothing to learn. */
    {"@localhost", "^\\S+ \\([^\\s@]+@localhost(?:\\.localdomain)?\\) by \\S+ \\(", SKIP},
    {" with local-", "^\\S+ \\S+ by \\S+ with local-e?smtp ", SKIP},
    {"(AVG SMTP ", "^127\\.0\\.0\\.1 \\(AVG SMTP \\S+ \\[\\S+\\]\\)", SKIP},
    {NULL, "^\\S+@\\S+ by \\S+ ", SKIP},
    {"Unknown/Local (", "^Unknown/Local \\(", SKIP},
    {NULL, "^(?:localhost(?:\\.localdomain)?|127\\.0\\.0\\.1) \\((?:\\S+@)?(?:localhost(?:\\.localdomain)?|"
           "127\\.0\\.0\\.1)[)\\[]", SKIP},
    {NULL, "^\\S+ \\((?:\\S+@)?(?:localhost(?:\\.localdomain)?|127\\.0\\.0\\.1)\\) ", SKIP},
    {NULL, "^\\S+ \\(\\S+@\\S+ \\[127\\.0\\.0\\.1\\]\\) ", SKIP},
    {"(AUTH: ", "^\\(AUTH: \\S+\\) by \\S+ with ", SKIP},
    {"[UNIX: localhost]", "^localhost \\(localhost \\[\\[UNIX: localhost\\]\\]\\) by ", SKIP},
    {".amazon.com", "^\\S+\\.amazon\\.com by \\S+\\.amazon\\.com with ESMTP \\(peer crosscheck: ", SKIP},
    {"Novell_GroupWise", "^[^.]+ by \\S+ with Novell_GroupWise", SKIP},
    {"[unix socket]", "^\\S+ \\(\\[unix socket\\]\\) by \\S+ \\(Cyrus v[.0-9]*\\) with LMTPA", SKIP},
    {NULL, "^\\S+ by \\S+ (?:with|via|for|\\()", SKIP},
    {NULL, "^\\S+ (?:(?:with|via|for) \\S+|\\(unverified\\)) by\\b", SKIP},
    {"(SG)", "^\\S+ \\(unknown\\) by \\S+ \\(SG\\) with \\b", SKIP},
    {"[local]", "^\\S+ \\(\\S+ \\[local\\]\\) by \\S+ \\(OpenSMTPD\\) with \\b", SKIP},
    {"(LSMTP for", "^", SKIP},
    {"with MailEnable", "^\\(\\[127\\.0\\.0\\.1\\]\\) with MailEnable ", SKIP},
    {"facebook.com", "^facebook\\.com \\([^)]+\\) by facebook\\.com with Thrift id \\S+$", SKIP},
    {"gmailapi", "^\\S+ named \\S+ by gmailapi\\.google\\.com with HTTPREST$", SKIP},
    {" id ", "^\\S+ id \\S+$", SKIP},
    {"(Jetsend", "^\\[<.*? \\(Jetsend", SKIP},
    {NULL, NULL, 0},
};

/* Lines that start with "FROM " or "(from ". */
const struct format received_fallbacks[] = {
    {NULL, "^FROM %H \\((?:unverified|%R) \\[%I\\]\\) BY %B (?:\\([^)]+\\) WITH SMTP )?ID <?(?<id>\\S+?)>?"
           "(?: FOR <[^>]+>)?$", LOOKS_UP},
    {"(NAVGW", "^\\(from %h \\[%I\\]\\) by %B \\(NAVGW .*?\\) with ", 0},
    {NULL, "^\\(from \\S+@localhost\\) by \\S+ ", SKIP},
    {"(jqueuemail)", "^\\(from [^\\s@]+@[^)]+\\) by \\S+\\(jqueuemail\\) id [^\\s;]+", SKIP},
    {NULL, NULL, 0},
};

/* What says that the client gave a password. */
const struct format received_auths[] = {
    {" by ", "(?i) with (?<auth>(?:ES|L|UTF8S|UTF8L)MTPS?A|ASMTP|HTTP[SU]?)(?: |;|$)", 0},
    {" by mx.google.com with ESMTPS id ", " id [a-z0-9]{1,4}sm[0-9]{2,9}[a-z]{3}\\.[0-9]{1,3}\\.[0-9]{4}\\."
                                          "(?:[0-6][0-9]\\.){4}[0-6][0-9].*(?<auth>version=[^ ]+ cipher=[^)]+)", 0},
    {"(AUTH: ", "^from .*?(?:\\]\\)|\\)\\]) \\(AUTH: (?<auth>LOGIN|PLAIN|DIGEST-MD5|CRAM-MD5) "
                "\\S+(?:, .*?)?\\) by ", 0},
    {"authenticated", "^from .*?(?:\\](?: \\([^)]*\\))?\\)|\\)\\]) .*?\\(.*?(?<auth>authenticated).*?\\).*? by", 0},
    {" by mail.gmx.", "from \\S* \\(%E \\S*\\) \\[%i\\] by (?<auth>mail\\.gmx\\.(?:net|com)) \\([^)]+\\) with "
                      "E?SMTP", 0},
    {"(authenticated as", "\\) by .+ \\(\\d{1,2}\\.\\d\\.\\d{3}(?:\\.\\d{1,3})?\\) \\((?<auth>authenticated) as .+\\) id ", 0},
    {"(Authenticated sender: ", "\\) \\(Authenticated sender: \\S+\\) by \\S+ \\((?<auth>[^)]+)\\) with ", 0},
    {"(account ", "(?<auth>CommuniGate) Pro (?:HTTP|SMTP|XIMSS|IMAP)", 0},
    {" with Microsoft Exchange Server ", " with Microsoft Exchange Server (?<auth>HTTP-DAV)\\b", 0},
    {" by ", "(?i) \\(via (?<auth>HTTP.?)\\)(?: |;|$)", 0},
    {NULL, NULL, 0},
};

/* The small words of each language, a hash table of them made once, and counting. */
#include "core/text/language.h"

#include <pthread.h>

enum { SLOTS = 2048, WORD_MAX = 24, WORDS_MIN = 5 };

static const double confidence_min = 0.15; /* below that it is a guess */

/* Words that most sentences hold; those of several languages stand in each. Lower case. */
static const struct {
	const char *code, *words;
} languages[] = {
    {"en", "the and of to in is that for it with as was on are be this have from or by you not your we "
	"our can will has an at which they their if all would there been more when what so about"},
    {"de", "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an "
	"werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum haben nur "
	"oder aber ich wir ihre"},
    {"fr", "le la les de des et un une du en est que pour dans qui sur au par plus pas avec ce il sont "
	"vous nous votre cette aux ou mais leur son ses été être ont je ne se vos"},
    {"es", "el la los las de y en que un una es por con para del se no su al lo como más pero sus le ya "
	"este sí porque esta entre cuando muy sin sobre también me hasta hay donde usted nos ha"},
    {"it", "il lo la i gli le di e che un una per con non del della in è sono da al si come più anche "
	"dei nel alla ma questo ha o se nella loro suo essere dal ci vi delle"},
    {"pt", "o a os as de e que em um uma do da para com não por mais dos das no na se é como mas ao ou "
	"seu sua você são foi ser está tem pelo pela até isso nos aos já"},
    {"nl", "de het een en van in is dat op te zijn voor met die niet aan er om ook als dan maar bij of "
	"uit nog worden door naar heeft hebben deze wij wat over zo kan je uw onze wordt"},
    {"sv", "och att det i en som på är av för med den till inte har de om ett han men var jag sig från "
	"vi så kan man när år ska eller vid nu efter din du oss"},
    {"da", "og at det i en som på er af for med den til ikke har de om et han men var jeg sig fra vi så "
	"kan man når skal eller ved nu efter din du os blev"},
    {"nb", "og at det i en som på er av for med den til ikke har de om et han men var jeg seg fra vi så "
	"kan man når skal eller ved nå etter din du oss ble"},
    {"fi", "ja on ei se että oli hän mutta ovat kuin myös tai joka mitä niin kun vain jos sen ole voi "
	"olla ovat sekä jo mukaan kanssa nyt me te he"},
    {"pl", "i w na z do nie się że to jest o jak za po od ale co dla są przez czy tym być może już jego "
	"przy oraz tego które który tylko ma ich"},
    {"cs", "a v na se je že s z do o to i za ve k pro jsou si byl by jako po ale od jeho nebo být které "
	"který již jen však při podle jsme vás"},
    {"hu", "a az és hogy nem is egy ez meg volt csak de már mint van még ha vagy mert el lehet kell ki "
	"fel azt majd itt minden sem után"},
    {"ro", "de și în la a cu pe nu din care că este un o pentru mai se au fost ce prin sau dar sunt după "
	"dacă acest această fi vă ale lui"},
    {"tr", "ve bir bu da de için ile olarak çok daha ne var gibi kadar olan sonra ama her ben en o mi "
	"değil ya şey iki siz biz veya"},
    {"id", "yang dan di dengan untuk dari pada ini itu tidak ke dalam adalah akan ada atau juga oleh "
	"anda kami saya dapat bisa sudah sebagai telah lebih karena"},
    {"vi", "và của là có cho không được trong một các với những người để này đã khi từ đến về cũng như "
	"bạn chúng tôi"},
    {"ru", "и в не на что с по это как он к но а из за от так для же то все вы или мы его было бы только "
	"если при уже есть до"},
    {"uk", "і в не на що з по це як він до але та із за від так для або ми ви його було б тільки якщо "
	"при вже є й у про"},
    {"bg", "и в не на че с по това като той към но а от за до така за или ние вие му беше би само ако "
	"при вече са се да е"},
};
enum { LANGUAGES = sizeof languages / sizeof *languages };
_Static_assert(sizeof languages / sizeof *languages <= 32, "a bit for each language");

/* Where the script says it all. */
static const char *const by_script[SCRIPTS] = {
    [SCRIPT_GREEK] = "el", [SCRIPT_ARMENIAN] = "hy", [SCRIPT_HEBREW] = "he", [SCRIPT_ARABIC] = "ar",
    [SCRIPT_DEVANAGARI] = "hi", [SCRIPT_BENGALI] = "bn", [SCRIPT_TAMIL] = "ta", [SCRIPT_THAI] = "th",
    [SCRIPT_GEORGIAN] = "ka", [SCRIPT_ETHIOPIC] = "am", [SCRIPT_KHMER] = "km", [SCRIPT_HANGUL] = "ko",
    [SCRIPT_KANA] = "ja", [SCRIPT_HAN] = "zh",
};

static struct {
	struct str word;
	uint32_t languages;
} table[SLOTS];

static size_t slot_of(struct str word)
{
	size_t at = str_hash(word) % SLOTS;

	while (table[at].word.n && !str_eq(table[at].word, word))
		at = (at + 1) % SLOTS;
	return at;
}

static void fill(void)
{
	for (size_t i = 0; i < LANGUAGES; i++) {
		struct str rest = str_of(languages[i].words), word;

		while (str_word(&rest, &word)) {
			size_t at = slot_of(word);
			table[at].word = word;
			table[at].languages |= 1u << i;
		}
	}
}

struct counter {
	struct language *out;
	size_t hits[LANGUAGES];
	char word[WORD_MAX];
	size_t n;
	bool is_long;
};

static void end_word(struct counter *c)
{
	if (c->n && !c->is_long) {
		uint32_t known = table[slot_of((struct str){c->word, c->n})].languages;

		for (size_t i = 0; known; i++, known >>= 1)
			c->hits[i] += known & 1;
	}
	c->out->words += c->n > 0;
	c->n = 0;
	c->is_long = false;
}

static void take(struct counter *c, struct str line)
{
	for (size_t at = 0, step; at < line.n; at += step) {
		uint32_t character;
		enum script script;

		step = unicode_read(str_from(line, at), &character);
		script = unicode_script(character);
		if (script == SCRIPT_COMMON) {
			end_word(c);
			continue;
		}
		c->out->letters++;
		c->out->count[script]++;
		c->is_long |= c->n + step > WORD_MAX;
		for (size_t i = 0; i < step && c->n < WORD_MAX; i++)
			c->word[c->n++] = step == 1 ? (char)to_lower((unsigned char)line.p[at]) : line.p[at + i];
	}
	end_word(c);
}

/* Han with a fair share of Kana is Japanese. */
static void choose_script(struct language *l)
{
	for (int i = SCRIPT_LATIN; i < SCRIPTS; i++)
		if (l->count[i] > l->count[l->script])
			l->script = (enum script)i;
	if (l->script == SCRIPT_HAN && l->count[SCRIPT_KANA] * 10 > l->count[SCRIPT_HAN])
		l->script = SCRIPT_KANA;
}

/*
 * Two things make it sure: that enough words are small words of that language (in running text about
 * a third is), and that the next language has clearly fewer.
 */
static void choose_language(struct counter *c)
{
	struct language *l = c->out;
	size_t best = 0, next = 0;
	double share, lead;

	for (size_t i = 1; i < LANGUAGES; i++)
		if (c->hits[i] > c->hits[best])
			best = i;
	for (size_t i = 0; i < LANGUAGES; i++)
		if (i != best && c->hits[i] > next)
			next = c->hits[i];
	if (c->hits[best] < WORDS_MIN)
		return;
	share = (double)c->hits[best] / (double)l->words / 0.3;
	lead = (double)(c->hits[best] - next) / (double)c->hits[best] / 0.5;
	l->confidence = (share < 1 ? share : 1) * (lead < 1 ? lead : 1);
	l->code = l->confidence >= confidence_min ? languages[best].code : "";
}

void language_guess(const struct str *lines, size_t n, struct language *ret_language)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct counter c = {.out = ret_language};
	size_t budget = LANGUAGE_TEXT_MAX;

	pthread_once(&once, fill);
	*ret_language = (struct language){.code = ""};
	for (size_t i = 0; i < n && budget; i++) {
		struct str line = str_sub(lines[i], 0, budget);

		budget -= line.n;
		take(&c, line);
	}
	choose_script(ret_language);
	if (by_script[ret_language->script] && ret_language->letters >= WORDS_MIN) {
		ret_language->code = by_script[ret_language->script];
		ret_language->confidence = (double)ret_language->count[ret_language->script] / (double)ret_language->letters;
	} else {
		choose_language(&c);
	}
}

/* Eval functions over attached pictures: their size in pixels, from the first octets of each. */
#include "rules/evals/evals_private.h"

enum image_kind { IMAGE_GIF, IMAGE_PNG, IMAGE_JPEG, IMAGE_KINDS };
enum { IMAGES_MAX = 100, JPEG_SEGMENTS_MAX = 1000 };

struct image {
	enum image_kind kind;
	size_t width, height;
	struct str name;
};

struct image_counts {
	struct image v[IMAGES_MAX];
	size_t n;
	size_t count[IMAGE_KINDS];
	double pixels[IMAGE_KINDS];
};

static unsigned octet(struct str s, size_t i)
{
	return i < s.n ? (unsigned char)s.p[i] : 0;
}

static unsigned big16(struct str s, size_t i)
{
	return octet(s, i) << 8 | octet(s, i + 1);
}

static size_t big32(struct str s, size_t i)
{
	return (size_t)big16(s, i) << 16 | big16(s, i + 2);
}

static void measure_gif(struct str s, struct image *ret)
{
	if (!str_starts(s, STR("GIF87a")) && !str_starts(s, STR("GIF89a")))
		return;
	ret->width = octet(s, 6) | octet(s, 7) << 8;
	ret->height = octet(s, 8) | octet(s, 9) << 8;
}

static void measure_png(struct str s, struct image *ret)
{
	if (!str_starts(s, STR("\x89PNG\r\n\x1a\n")) || !str_starts(str_from(s, 12), STR("IHDR")))
		return;
	ret->width = big32(s, 16);
	ret->height = big32(s, 20);
}

static void measure_jpeg(struct str s, struct image *ret)
{
	size_t at = 2;

	if (octet(s, 0) != 0xff || octet(s, 1) != 0xd8)
		return;
	for (unsigned i = 0; i < JPEG_SEGMENTS_MAX && at + 4 <= s.n && octet(s, at) == 0xff; i++) {
		unsigned mark = octet(s, at + 1), length = big16(s, at + 2);
		if (mark == 0xda || mark == 0xd9 || length < 2)
			return;
		if (mark == 0xc0 || (mark > 0xc0 && mark <= 0xcf && mark % 4 != 0)) {
			ret->height = big16(s, at + 5);
			ret->width = big16(s, at + 7);
			return;
		}
		at += 2 + length;
	}
}

static const struct {
	const char *type, *name;
	enum image_kind kind;
	void (*measure)(struct str data, struct image *ret);
} kinds[] = {
    {"image/gif", "gif", IMAGE_GIF, measure_gif},
    {"image/png", "png", IMAGE_PNG, measure_png},
    {"image/jpeg", "jpeg", IMAGE_JPEG, measure_jpeg},
    {"image/jpg", "jpg", IMAGE_JPEG, measure_jpeg},
};

static void take_image(struct eval_call *c, struct image_counts *out, struct mime_part *p)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct image image = {.kind = kinds[i].kind, .name = p->filename};
		if (!str_is(p->type, kinds[i].type) || out->n == IMAGES_MAX)
			continue;
		out->count[image.kind]++;
		kinds[i].measure(mime_decoded(c->m->t->mime, p), &image);
		if (!image.width || !image.height)
			return;
		out->pixels[image.kind] += (double)image.width * (double)image.height;
		out->v[out->n++] = image;
		return;
	}
}

static const struct image_counts *images(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);

	if (s->images)
		return s->images;
	s->images = arena_alloc(c->m->t->arena, sizeof *s->images);
	for (struct mime_part *p = c->m->t->mime ? c->m->t->mime->root : NULL; p; p = mime_next(p))
		if (!p->first && p->encoding == MIME_BASE64)
			take_image(c, s->images, p);
	return s->images;
}

/* "gif", "png", "jpeg" or "all". */
static bool is_kind(struct str name, enum image_kind kind)
{
	if (str_is(name, "all"))
		return true;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_is(name, kinds[i].name))
			return kinds[i].kind == kind;
	return false;
}

static double sum_of(struct eval_call *c, bool of_pixels)
{
	const struct image_counts *v = images(c);
	double sum = 0;

	for (int k = 0; k < IMAGE_KINDS; k++)
		if (is_kind(eval_arg(c, 0), (enum image_kind)k))
			sum += of_pixels ? v->pixels[k] : (double)v->count[k];
	return sum;
}

static double image_count(struct eval_call *c)
{
	double n = sum_of(c, false);

	return n >= eval_number(c, 1, 0) && n <= eval_number(c, 2, 1e18);
}

static double pixel_coverage(struct eval_call *c)
{
	double n = sum_of(c, true);

	return n >= eval_number(c, 1, 0) && n <= eval_number(c, 2, 1e18);
}

static double text_ratio(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	double pixels = sum_of(c, true), text = 0, ratio;

	for (size_t i = 0; content && i < content->body_count; i++)
		text += (double)content->body[i].n;
	if (text <= 0 || pixels <= 0)
		return 0;
	ratio = text / pixels;
	return ratio >= eval_number(c, 1, 0) && ratio < eval_number(c, 2, 1e18);
}

static double size_exact(struct eval_call *c)
{
	const struct image_counts *v = images(c);

	for (size_t i = 0; i < v->n; i++)
		if (is_kind(eval_arg(c, 0), v->v[i].kind) && (double)v->v[i].height == eval_number(c, 1, -1) &&
		    (double)v->v[i].width == eval_number(c, 2, -1))
			return 1;
	return 0;
}

static double size_range(struct eval_call *c)
{
	const struct image_counts *v = images(c);

	for (size_t i = 0; i < v->n; i++) {
		double h = (double)v->v[i].height, w = (double)v->v[i].width;
		if (is_kind(eval_arg(c, 0), v->v[i].kind) && h >= eval_number(c, 1, 0) && w >= eval_number(c, 2, 0) &&
		    h <= eval_number(c, 3, 1e18) && w <= eval_number(c, 4, 1e18))
			return 1;
	}
	return 0;
}

static double named(struct eval_call *c)
{
	const struct image_counts *v = images(c);

	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].name.n && str_eq(v->v[i].name, eval_arg(c, 0)))
			return 1;
	return 0;
}

static double name_like(struct eval_call *c)
{
	const struct image_counts *v = images(c);
	struct regex *re = eval_arg_pattern(c, eval_arg(c, 0));

	for (size_t i = 0; re && i < v->n; i++)
		if (v->v[i].name.n && regex_match(re, c->m->scratch, v->v[i].name, 0, NULL) == REGEX_MATCH)
			return 1;
	return 0;
}

const struct eval_def eval_image_table[] = {
    {"image_count", image_count, NULL},
    {"image_name_regex", name_like, NULL},
    {"image_named", named, NULL},
    {"image_size_exact", size_exact, NULL},
    {"image_size_range", size_range, NULL},
    {"image_to_text_ratio", text_ratio, NULL},
    {"pixel_coverage", pixel_coverage, NULL},
    {NULL, NULL, NULL},
};

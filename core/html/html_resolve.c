/* Relative references against a base (RFC 3986 part 5.2). */
#include "core/html/html.h"

struct reference {
	struct str scheme, authority, path, query, fragment;
	bool has_scheme, has_authority, has_query, has_fragment;
};

static bool cut(struct str *rest, char sign, struct str *ret_behind)
{
	ptrdiff_t at = str_chr(*rest, sign);

	if (at < 0)
		return false;
	*ret_behind = str_from(*rest, (size_t)at + 1);
	rest->n = (size_t)at;
	return true;
}

static struct reference split(struct str u)
{
	struct reference r = {0};
	size_t n = 0;

	r.has_fragment = cut(&u, '#', &r.fragment);
	r.has_query = cut(&u, '?', &r.query);
	while (n < u.n && u.p[n] != ':' && u.p[n] != '/')
		n++;
	if (n && n < u.n && u.p[n] == ':') {
		r.scheme = str_sub(u, 0, n);
		r.has_scheme = true;
		u = str_from(u, n + 1);
	}
	if (str_starts(u, STR("//"))) {
		u = str_from(u, 2);
		for (n = 0; n < u.n && u.p[n] != '/'; n++)
			;
		r.authority = str_sub(u, 0, n);
		r.has_authority = true;
		u = str_from(u, n);
	}
	r.path = u;
	return r;
}

/* "/a/./b/../c" to "/a/c". In place: the result is never longer. */
static struct str without_dots(struct arena *a, struct str path)
{
	struct str rest = path;
	char *out;
	size_t n = 0;

	if (str_find(path, STR("./")) < 0 && !str_ends(path, STR(".")))
		return path;
	out = arena_alloc(a, path.n + 1);
	while (rest.n) {
		size_t end = 1;

		while (end < rest.n && rest.p[end] != '/')
			end++;
		struct str part = str_sub(rest, 0, end);
		rest = str_from(rest, end);
		if (str_is(part, "/.") || str_is(part, "/..")) {
			while (part.n == 3 && n && out[--n] != '/')
				;
			if (!rest.n)
				out[n++] = '/';
			continue;
		}
		memcpy(out + n, part.p, part.n);
		n += part.n;
	}
	return (struct str){out, n};
}

static struct str merge(struct arena *a, const struct reference *base, struct str path)
{
	ptrdiff_t slash = str_rchr(base->path, '/');

	struct buf out = {0};

	if (base->has_authority && !base->path.n)
		buf_addc(&out, '/');
	else
		buf_add(&out, str_sub(base->path, 0, (size_t)(slash + 1)));
	buf_add(&out, path);
	return buf_take(&out, a);
}

static void join(struct arena *a, struct reference *r, const struct reference *base)
{
	r->scheme = base->scheme;
	r->has_scheme = base->has_scheme;
	if (r->has_authority) {
		r->path = without_dots(a, r->path);
		return;
	}
	r->authority = base->authority;
	r->has_authority = base->has_authority;
	if (!r->path.n) {
		r->path = base->path;
		if (!r->has_query) {
			r->query = base->query;
			r->has_query = base->has_query;
		}
		return;
	}
	if (r->path.p[0] != '/')
		r->path = merge(a, base, r->path);
	r->path = without_dots(a, r->path);
}

/* "//www.example.com/" without base: programs add http:. */
static const char *missing_scheme(const struct reference *r)
{
	if (!r->has_authority)
		return "";
	if (str_istarts(r->authority, STR("www")))
		return "http:";
	return str_istarts(r->authority, STR("ftp")) ? "ftp:" : "";
}

struct str html_resolve(struct arena *a, struct str base, struct str r)
{
	struct reference ref = split(r), from = split(base);
	struct buf out = {0};

	if (ref.has_scheme && from.has_scheme && str_eq(ref.scheme, from.scheme))
		ref.has_scheme = false;
	if (ref.has_scheme)
		ref.path = without_dots(a, ref.path);
	else
		join(a, &ref, &from);
	if (ref.has_scheme) {
		buf_add(&out, ref.scheme);
		buf_addc(&out, ':');
	} else {
		buf_adds(&out, missing_scheme(&ref));
	}
	if (ref.has_authority) {
		buf_adds(&out, "//");
		buf_add(&out, ref.authority);
	}
	buf_add(&out, ref.path);
	if (ref.has_query) {
		buf_addc(&out, '?');
		buf_add(&out, ref.query);
	}
	if (ref.has_fragment) {
		buf_addc(&out, '#');
		buf_add(&out, ref.fragment);
	}
	return buf_take(&out, a);
}

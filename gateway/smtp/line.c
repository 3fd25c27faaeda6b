/* Command lines: cutting them off the input, and apart. */
#include "gateway/smtp/wire.h"

/* Where the line ends at LF position n: without the CR before it. */
static enum line_step check_end(struct str in, size_t lf, bool lax, struct str *ret_line)
{
	struct str line = str_sub(in, 0, lf);
	bool has_cr = line.n > 0 && line.p[line.n - 1] == '\r';

	if (has_cr)
		line.n--;
	*ret_line = line;
	if (lax)
		return LINE_OK;
	return has_cr && str_chr(line, '\r') < 0 ? LINE_OK : LINE_BARE;
}

/* What is thrown away of a long line is held to the same rule, however it came in: no CR without LF, no LF without CR. */
static bool has_bare(struct str gone)
{
	bool is_behind_cr = false;

	for (size_t i = 0; i < gone.n; i++) {
		if (is_behind_cr != (gone.p[i] == '\n'))
			return true;
		is_behind_cr = gone.p[i] == '\r';
	}
	return is_behind_cr;
}

enum line_step line_take(struct str in, size_t max, bool lax, struct str *ret_line, size_t *ret_used)
{
	struct str window = str_sub(in, 0, max + 2);
	ptrdiff_t lf = str_chr(window, '\n');

	*ret_used = 0;
	if (lf >= 0) {
		enum line_step step = check_end(window, (size_t)lf, lax, ret_line);

		*ret_used = (size_t)lf + 1;
		return step == LINE_OK && ret_line->n > max ? LINE_LONG : step;
	}
	if (in.n >= max + 2) {
		/* A CR at the end may be the first half of the line end: it is kept. */
		lf = str_chr(in, '\n');
		*ret_used = lf >= 0 ? (size_t)lf + 1 : in.n - (in.p[in.n - 1] == '\r');
		return !lax && has_bare(str_sub(in, 0, *ret_used)) ? LINE_BARE : LINE_LONG;
	}
	return LINE_MORE;
}

void line_split(struct str line, struct str *ret_verb, struct str *ret_args)
{
	size_t n = 0;

	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
		n++;
	*ret_verb = str_sub(line, 0, n);
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	*ret_args = str_from(line, n);
}

bool line_is_clean(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 32 && c != '\t') || c == 127)
			return false;
	}
	return true;
}

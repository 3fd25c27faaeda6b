/* Maps of recipients: files with one address or @domain a line, # comments. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filters/recipients.h"

static char present[1]; /* the value of every name */

/* All of the file in the arena; false and errno when it cannot be read. */
static bool read_file(struct arena *a, const char *path, struct str *ret_text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;
	char *text;
	ssize_t got = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size <= RECIPIENT_MAP_BYTES) {
		text = arena_alloc(a, (size_t)st.st_size + 1);
		while ((got = read(fd, text + n, (size_t)st.st_size - n)) > 0)
			n += (size_t)got;
		*ret_text = (struct str){text, n};
	} else {
		errno = EFBIG;
	}
	close(fd);
	return got == 0;
}

/* What is wrong with the entry, or NULL. */
static const char *add_entry(struct arena *a, struct recipient_map *map, struct str entry)
{
	ptrdiff_t at = str_rchr(entry, '@');
	struct address address;

	if (at < 0)
		return "expected an address or @domain";
	if (at == 0 && !domain_is_valid(str_from(entry, 1), true))
		return "no domain name behind the @";
	if (at > 0) {
		const char *wrong = address_parse(a, entry, true, &address);
		if (wrong)
			return wrong;
	}
	names_add(map->entries, entry, present);
	names_add(map->domains, str_from(entry, (size_t)at + 1), present);
	return NULL;
}

void recipients_set_map(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct recipient_map *map = &((struct recipients_conf *)target)->map;
	struct conf_place place = node->tokens[0].place;
	struct str path, rest, line;

	if (!conf_expect_args(load, node, 1, 1, "\"FILE\""))
		return;
	if (!map->entries) {
		map->entries = names_new(load->arena);
		map->domains = names_new(load->arena);
	}
	path = conf_path(load->arena, place, node->tokens[1].text);
	if (!read_file(load->arena, path.p, &rest)) {
		conf_error(load, node->tokens[1].place, "cannot read map %s: %s", path.p, strerror(errno));
		return;
	}
	for (place = (struct conf_place){path.p, 1, 1}; str_split(&rest, '\n', &line); place.line++) {
		ptrdiff_t comment = str_chr(line, '#');
		const char *wrong;

		line = str_trim(comment < 0 ? line : str_sub(line, 0, (size_t)comment));
		wrong = line.n ? add_entry(load->arena, map, line) : NULL;
		if (wrong)
			conf_error(load, place, "'%.*s': %s", STR_ARG(line), wrong);
	}
}

bool recipient_map_has(const struct recipient_map *map, struct str address)
{
	ptrdiff_t at = str_rchr(address, '@');

	if (!map->entries || at < 0)
		return false;
	return names_get(map->entries, address) || names_get(map->entries, str_from(address, (size_t)at));
}

bool recipient_map_covers(const struct recipient_map *map, struct str domain)
{
	return map->domains && names_get(map->domains, domain);
}

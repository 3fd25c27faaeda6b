/* The scanner's protocol, both ways: what a client and what a worker may say; and what a clamd may. */
#include "filters/clamav_clamd.h"
#include "scanner/wire.h"
#include "tests/fuzz/fuzz.h"

/* As a worker reads what came behind the head: each item is inside. */
static void read_items(struct str in, const struct wire_head *head)
{
	static _Alignas(struct wire_item) char room[WIRE_REQUEST_MAX];
	const struct wire_item *items = (const struct wire_item *)room;

	assert(in.n == sizeof *head + head->size && head->size <= sizeof room);
	memcpy(room, in.p + sizeof *head, head->size);
	if (wire_check_items(room, head->size, head->count))
		for (uint32_t i = 0; i < head->count; i++)
			assert(items[i].offset <= head->size && items[i].size <= head->size - items[i].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n), paths[WIRE_PATHS_MAX], rest, name;
	struct wire_settings settings;
	struct wire_head head;
	struct wire_record record;
	size_t count;
	enum wire_status status = clamd_answer(in, &name);

	assert(name.n == 0 || status != WIRE_CLEAN);
	clamd_database_time(in);

	if (wire_read_request(in, &head) && head.op == WIRE_SETUP && wire_read_settings(in, &settings, paths, &count))
		for (size_t i = 0; i < count; i++)
			assert(paths[i].n > 0 && paths[i].p >= in.p && paths[i].p + paths[i].n <= in.p + in.n);
	if (wire_read_request(in, &head) && head.op == WIRE_SCAN && wire_has_items(in))
		read_items(in, &head);
	if (wire_read_answer(in, &head)) {
		rest = str_from(in, sizeof head);
		for (uint32_t i = 0; i < head.count; i++) {
			assert(wire_next_record(&rest, &record, &name));
			assert(wire_kind(record.kind)->type && wire_status_name(record.status));
		}
		assert(rest.n == 0);
	}
	if (n >= 4 && n % 8 == 4) {
		uint64_t table[128] = {0};
		size_t size = n - 4 < sizeof table ? n - 4 : sizeof table;

		memcpy(table, p + 4, size);
		if (wire_check_items(table, size, p[0])) {
			const struct wire_item *items = (const struct wire_item *)table;

			for (unsigned i = 0; i < p[0]; i++)
				assert(items[i].offset + items[i].size <= size);
		}
	}
	return 0;
}

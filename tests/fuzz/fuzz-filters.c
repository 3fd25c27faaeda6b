/* What filters read out of fields and names: dates, message identifiers, names of customer lines. */
#include "filters/greet.h"
#include "filters/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct ip v4 = {.family = 4, .b = {192, 0, 2, 7}}, v6 = {.family = 6, .b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	int64_t when;

	if (size == 0)
		return 0;
	headers_parse_date(text, &when);
	headers_is_message_id(text);
	greet_is_dynamic(text, &v4);
	greet_is_dynamic(text, &v6);
	return 0;
}

/* What holds without a configuration: the parsers' own maxima. */
#include "core/limits.h"

#include "core/content/content.h"
#include "core/header.h"
#include "core/content/mime.h"
#include "core/url/url.h"

const struct parse_limits parse_limits_default = {
    .headers = HEADER_COUNT_MAX,
    .header_bytes = HEADER_BYTES_MAX,
    .mime_depth = MIME_DEPTH_MAX,
    .mime_parts = MIME_PARTS_MAX,
    .urls = URL_MAX,
    .text = CONTENT_TEXT_MAX,
};

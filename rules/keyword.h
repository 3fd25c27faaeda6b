/*
 * Between the line reader (parse.c) and the keywords (keyword.c): the state of reading one file.
 */
#ifndef REEVE_RULES_KEYWORD_H
#define REEVE_RULES_KEYWORD_H

#include "rules/rule.h"

struct if_level;

struct parser {
	struct rules_conf *conf;
	struct conf_place place;
	struct str keyword; /* of the line in hand, lower case, _ for - */
	struct rule *last_rule;
	struct if_level *ifs;
	unsigned if_depth, depth;
	bool is_skipping;
	struct buf line;
};

#define parser_error(p, ...) conf_error((p)->conf->load, (p)->place, __VA_ARGS__)
#define parser_warning(p, ...) conf_warning((p)->conf->load, (p)->place, __VA_ARGS__)

/* One line: p->keyword and what stands behind it. */
void parser_keyword(struct parser *p, struct str value);
/* Keeps the line for whoever looks for settings of that keyword. */
void parser_setting(struct parser *p, struct str value);

/* A line that something of the set reads later; one that means nothing here. option.c */
bool rules_is_setting(struct str keyword);
bool rules_is_option(struct str keyword);

#endif

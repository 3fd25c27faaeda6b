noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = \
	policy/compare.c \
	policy/compile.c \
	policy/condition.c \
	policy/decide.c \
	policy/default.c \
	policy/eval.c \
	policy/expr.c \
	policy/names.c \
	policy/parser.h \
	policy/policy.h \
	policy/program.h \
	policy/template.c \
	policy/texts.c \
	policy/uses.c

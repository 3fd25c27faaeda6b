noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = \
	auth/arc.c \
	auth/arc.h \
	auth/canon.c \
	auth/canon.h \
	auth/crypto.c \
	auth/crypto.h \
	auth/dkim.c \
	auth/dkim.h \
	auth/key.c \
	auth/key.h \
	auth/result.h \
	auth/signature.c \
	auth/signature.h \
	auth/spf-macro.c \
	auth/spf-private.h \
	auth/spf-record.c \
	auth/spf.c \
	auth/spf.h \
	auth/tags.c \
	auth/tags.h

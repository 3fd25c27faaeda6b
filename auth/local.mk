noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = \
	auth/arc.c \
	auth/arc.h \
	auth/auth.c \
	auth/auth.h \
	auth/author.c \
	auth/author.h \
	auth/authres.c \
	auth/authres.h \
	auth/canon.c \
	auth/canon.h \
	auth/crypto.c \
	auth/crypto.h \
	auth/dkim.c \
	auth/dkim.h \
	auth/dmarc.c \
	auth/dmarc.h \
	auth/key.c \
	auth/key.h \
	auth/report.c \
	auth/report.h \
	auth/result.h \
	auth/sealing.c \
	auth/sealing.h \
	auth/sign.c \
	auth/sign.h \
	auth/signature.c \
	auth/signature.h \
	auth/spf-macro.c \
	auth/spf-private.h \
	auth/spf-record.c \
	auth/spf.c \
	auth/spf.h \
	auth/tags.c \
	auth/tags.h

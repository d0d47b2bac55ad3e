#include "core/holm_names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/cleanup.h"

// Islands, what lives and grows on them, and how they are.
static const char *const adjectives[] = {
    "amber",  "brave",  "bright", "brisk",  "calm",   "clear",  "clever", "cosy",   "crisp",  "dapper",
    "daring", "eager",  "early",  "easy",   "fair",   "fond",   "fresh",  "gentle", "glad",   "golden",
    "grand",  "green",  "happy",  "hardy",  "hazy",   "humble", "jolly",  "keen",   "kind",   "late",
    "light",  "lively", "lucky",  "mellow", "merry",  "mild",   "mossy",  "neat",   "nimble", "noble",
    "plain",  "proud",  "quick",  "quiet",  "rapid",  "ready",  "robust", "rosy",   "salty",  "sandy",
    "sharp",  "silent", "silver", "sleek",  "smooth", "snowy",  "solid",  "spry",   "steady", "still",
    "stout",  "sunny",  "swift",  "tidy",   "tiny",   "vivid",  "warm",   "wild",   "windy",  "wise",
};

static const char *const nouns[] = {
    "auk",    "beach",  "birch",  "bay",    "boat",   "brook",   "cape",  "cliff",  "clover", "cod",
    "coral",  "cove",   "crab",   "curlew", "dune",   "eider",   "fern",  "fjord",  "foam",   "gannet",
    "grebe",  "gull",   "harbor", "heath",  "heron",  "herring", "holm",  "inlet",  "islet",  "juniper",
    "kelp",   "lagoon", "lark",   "light",  "limpet", "loon",    "lynx",  "marten", "moss",   "mussel",
    "oar",    "osprey", "otter",  "oyster", "pearl",  "petrel",  "pine",  "plover", "puffin", "reed",
    "reef",   "rock",   "rowan",  "sail",   "salmon", "seal",    "shell", "shore",  "skerry", "sound",
    "spruce", "stone",  "strand", "swan",   "tern",   "tide",    "trout", "wave",   "whale",  "willow",
};

void names_choose(char out[static NAMES_LENGTH_MAX], bool numbered) {
    uint32_t random[3];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    const char *adjective = adjectives[random[0] % array_length(adjectives)];
    const char *noun = nouns[random[1] % array_length(nouns)];
    if (numbered)
        snprintf(out, NAMES_LENGTH_MAX, "%s-%s-%u", adjective, noun, random[2] % 10000);
    else
        snprintf(out, NAMES_LENGTH_MAX, "%s-%s", adjective, noun);
}

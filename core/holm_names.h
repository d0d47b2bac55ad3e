// Names for containers that nobody named: an adjective and a noun.
#pragma once

#include <stdbool.h>

#define NAMES_LENGTH_MAX 64

/// A random name ("calm-heron"), with a number behind it when asked.
void names_choose(char out[static NAMES_LENGTH_MAX], bool numbered);

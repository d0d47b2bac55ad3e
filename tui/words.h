// Words of a command as a shell would see them, without its expansions.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/// Splits at blanks; quotes and backslashes keep them. *out is a new array of strings, also when empty.
/// False: a quote is left open (*out is NULL).
bool words_split(const char *text, json_t **out);
/// Writes the word so that a shell reads it back as one.
void words_quote(FILE *out, const char *word);

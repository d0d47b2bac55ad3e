// A theme file of anyone.
#include "tui/theme.h"
#include "core/config/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *lines = NULL, *document = toml_parse((const char *)data, size, "fuzz.toml", &lines, NULL);
    theme_table theme;
    holm_error *error = NULL;
    if (document && theme_parse(document, lines, "fuzz.toml", theme_builtin(256), &theme, &error) == 0)
        for (int i = 0; i <= 10; i++)
            theme_gradient_style(&theme, THEME_CPU, i / 10.0);
    holm_error_free(error);
    json_decref(document);
    json_decref(lines);
    return 0;
}

// The ground floor is C and does not say so itself.
extern "C" {
#include "core/base/error.h"
#include "core/base/file.h"
}

#include "core/config/toml.h"

#include <sstream>
#include <string>
#include <string_view>

// What toml++ takes for granted is not so for every file ("[#" makes a key of a comment), and it goes on to
// say that as an error: neither an abort nor a promise to the compiler.
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(condition) static_assert(true)
#include <toml++/toml.h>

namespace {

json_t *text_of(const std::string &text) {
    return json_stringn(text.data(), text.size());
}

// Dates and times as they are written in TOML.
template <typename T> json_t *printed(const T &value) {
    std::ostringstream out;
    out << value;
    return text_of(out.str());
}

json_t *convert(const toml::node &node, const std::string &path, json_t *lines);

json_t *convert_table(const toml::table &table, const std::string &path, json_t *lines) {
    json_t *object = json_object();
    for (auto &&[key, node] : table) {
        std::string name(key.str());
        std::string below = path.empty() ? name : path + "." + name;
        if (lines)
            json_object_set_new(lines, below.c_str(), json_integer(key.source().begin.line));
        json_object_setn_new_nocheck(object, name.data(), name.size(), convert(node, below, lines));
    }
    return object;
}

// The lines of its members stand under their numbers: "command.0".
json_t *convert_array(const toml::array &array, const std::string &path, json_t *lines) {
    json_t *list = json_array();
    for (auto &&node : array) {
        std::string below = path + "." + std::to_string(json_array_size(list));
        if (lines)
            json_object_set_new(lines, below.c_str(), json_integer(node.source().begin.line));
        json_array_append_new(list, convert(node, below, lines));
    }
    return list;
}

json_t *convert(const toml::node &node, const std::string &path, json_t *lines) {
    switch (node.type()) {
    case toml::node_type::table:
        return convert_table(*node.as_table(), path, lines);
    case toml::node_type::array:
        return convert_array(*node.as_array(), path, lines);
    case toml::node_type::string:
        return text_of(node.as_string()->get());
    case toml::node_type::integer:
        return json_integer(node.as_integer()->get());
    case toml::node_type::floating_point:
        return json_real(node.as_floating_point()->get());
    case toml::node_type::boolean:
        return json_boolean(node.as_boolean()->get());
    case toml::node_type::date:
        return printed(node.as_date()->get());
    case toml::node_type::time:
        return printed(node.as_time()->get());
    case toml::node_type::date_time:
        return printed(node.as_date_time()->get());
    default:
        return json_null();
    }
}

} // namespace

json_t *toml_parse(const char *text, size_t length, const char *path, json_t **lines, holm_error **error) {
    try {
        toml::table table = toml::parse(std::string_view(text, length));
        json_t *places = lines ? json_object() : nullptr;
        json_t *document = convert_table(table, "", places);
        if (lines)
            *lines = places;
        return document;
    } catch (const toml::parse_error &problem) {
        std::string what(problem.description());
        holm_error_set(error, HOLM_ERROR_INVALID, "%s:%u: %s", path, unsigned(problem.source().begin.line),
                       what.c_str());
    } catch (const std::exception &problem) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "read %s: %s", path, problem.what());
    }
    return nullptr;
}

json_t *toml_read(const char *path, json_t **lines, holm_error **error) {
    buffer content = {};
    json_t *document = nullptr;
    if (file_read(path, TOML_FILE_MAX, &content, error) == 0)
        document = toml_parse(buffer_text(&content), content.length, path, lines, error);
    buffer_finish(&content);
    return document;
}

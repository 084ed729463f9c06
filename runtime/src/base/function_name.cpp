// SPDX-License-Identifier: MIT
#include "base/function_name.hpp"

#include <cstddef>

#include "base/type_name.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr bool opens(char c) noexcept { return c == '(' || c == '<' || c == '{' || c == '['; }
constexpr bool closes(char c) noexcept { return c == ')' || c == '>' || c == '}' || c == ']'; }

/// Where the bracket that `text` ends with was opened, or npos.
std::size_t opening_of_last(std::string_view text) noexcept {
    int depth = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
        depth += closes(text[i]) ? 1 : opens(text[i]) ? -1 : 0;
        if (depth == 0) {
            return i;
        }
    }
    return std::string_view::npos;
}

/// The qualified name: no template arguments of the function, no qualifiers, parameters or type.
std::string_view qualified_name(std::string_view pretty) noexcept {
    std::string_view name = pretty;
    if (name.ends_with(']')) {  // "[with T = int]"
        const std::size_t begin = opening_of_last(name);
        if (begin != std::string_view::npos && begin > 0 && name[begin - 1] == ' ') {
            name = name.substr(0, begin - 1);
        }
    }
    for (const std::string_view qualifier : {" const", " volatile", " noexcept", " &&", " &"}) {
        if (name.ends_with(qualifier)) {
            name.remove_suffix(qualifier.size());
        }
    }
    if (name.ends_with(')')) {
        const std::size_t begin = opening_of_last(name);
        if (begin != std::string_view::npos) {
            name = name.substr(0, begin);
        }
    }
    int depth = 0;
    for (std::size_t i = name.size(); i-- > 0;) {
        depth += closes(name[i]) ? 1 : opens(name[i]) ? -1 : 0;
        if (depth == 0 && name[i] == ' ') {
            return name.substr(i + 1);
        }
    }
    return name;
}

}  // namespace

std::string short_function_name(std::string_view pretty) {
    const std::string_view name = qualified_name(pretty);
    std::string text;
    for (std::size_t i = 0; i < name.size();) {
        const std::string_view rest = name.substr(i);
        if (!opens(rest.front())) {
            text += rest.front();
            ++i;
            continue;
        }
        std::size_t end = 0;  // of the group
        int depth = 0;
        do {
            depth += opens(rest[end]) ? 1 : closes(rest[end]) ? -1 : 0;
            ++end;
        } while (depth > 0 && end < rest.size());
        if (rest.starts_with("<lambda") || rest.starts_with("(anonymous class)") ||
            rest.starts_with("(lambda")) {
            text += "<lambda>";
        } else if (text.ends_with("operator") && rest.starts_with("()")) {
            text += "()";
        }
        i += end;
        if ((rest.starts_with("{anonymous}") || rest.starts_with("(anonymous namespace)")) &&
            name.substr(i).starts_with("::")) {
            i += 2;
        }
    }
    constexpr std::string_view call = "<lambda>::operator()";
    for (std::size_t at = text.find(call); at != std::string::npos; at = text.find(call)) {
        text.erase(at + 8, call.size() - 8);
    }
    leave_version_out(text);
    return text;
}

}  // namespace eddy::inline v0_1::detail

// SPDX-License-Identifier: MIT
#include "net/idna.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "base/utf8.hpp"

namespace eddy::inline v0_1::detail {

namespace {

// The parameters of RFC 3492, section 5.
constexpr std::uint32_t puny_base = 36;
constexpr std::uint32_t puny_tmin = 1;
constexpr std::uint32_t puny_tmax = 26;
constexpr std::uint32_t puny_skew = 38;
constexpr std::uint32_t puny_damp = 700;
constexpr std::uint32_t puny_first_bias = 72;
constexpr std::uint32_t puny_first = 128;

/// One character, taken off the front.
char32_t next_character(std::string_view& text) {
    const FirstCharacter character = first_character(text);
    if (character.length == 0) {
        throw std::invalid_argument("resolve: a host name is UTF-8");
    }
    text.remove_prefix(character.length);
    return character.point;
}

constexpr bool is_dot(char32_t point) {  // the ideographic ones too: RFC 3490, section 3.1
    return point == U'.' || point == U'\u3002' || point == U'\uFF0E' || point == U'\uFF61';
}

char puny_digit(std::uint32_t value) {
    return static_cast<char>(value < 26 ? 'a' + value : '0' + value - 26);
}

std::uint32_t adapted_bias(std::uint32_t delta, std::uint32_t points, bool first) {
    delta = first ? delta / puny_damp : delta / 2;
    delta += delta / points;
    std::uint32_t shift = 0;
    for (; delta > (puny_base - puny_tmin) * puny_tmax / 2; shift += puny_base) {
        delta /= puny_base - puny_tmin;
    }
    return shift + (puny_base - puny_tmin + 1) * delta / (delta + puny_skew);
}

void append_number(std::string& text, std::uint32_t value, std::uint32_t bias) {
    for (std::uint32_t k = puny_base;; k += puny_base) {
        const std::uint32_t low =
            k <= bias ? puny_tmin : std::clamp(k - bias, puny_tmin, puny_tmax);
        if (value < low) {
            text += puny_digit(value);
            return;
        }
        text += puny_digit(low + (value - low) % (puny_base - low));
        value = (value - low) / (puny_base - low);
    }
}

/// RFC 3492, section 6.3. A label has 253 characters at most, so that nothing overflows.
void append_label(std::string& text, std::u32string_view label) {
    const auto is_basic = [](char32_t point) { return point < puny_first; };
    const auto basic =
        static_cast<std::uint32_t>(std::count_if(label.begin(), label.end(), is_basic));
    if (basic != label.size()) {
        text += "xn--";
    }
    for (const char32_t point : label) {
        if (is_basic(point)) {
            text += static_cast<char>(point);
        }
    }
    if (basic == label.size()) {
        return;
    }
    if (basic != 0) {
        text += '-';
    }
    std::uint32_t next = puny_first;
    std::uint32_t delta = 0;
    std::uint32_t bias = puny_first_bias;
    for (std::uint32_t done = basic; done < label.size(); ++delta, ++next) {
        char32_t smallest = 0x10FFFF;
        for (const char32_t point : label) {
            smallest = point >= next ? std::min(smallest, point) : smallest;
        }
        delta += (static_cast<std::uint32_t>(smallest) - next) * (done + 1);
        next = static_cast<std::uint32_t>(smallest);
        for (const char32_t point : label) {
            delta += point < next ? 1U : 0U;
            if (point == next) {
                append_number(text, delta, bias);
                bias = adapted_bias(delta, done + 1, done == basic);
                delta = 0;
                ++done;
            }
        }
    }
}

}  // namespace

bool is_ascii(std::string_view name) noexcept {
    return std::all_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) < puny_first;
    });
}

std::string to_ascii_name(std::string_view name) {
    std::string text;
    std::u32string label;
    while (!name.empty()) {
        const char32_t point = next_character(name);
        if (is_dot(point)) {
            append_label(text, label);
            text += '.';
            label.clear();
        } else {
            label += point;
        }
    }
    append_label(text, label);
    if (text.size() > longest_name) {
        throw std::invalid_argument(
            "resolve: a host name has at most 253 bytes, also when its letters beyond ASCII are "
            "encoded; this one then has " +
            std::to_string(text.size()));
    }
    return text;
}

}  // namespace eddy::inline v0_1::detail

// SPDX-License-Identifier: MIT
// What is shown of texts that others have written: in logs, and by the chat sample.
//
// Laws:
// - a legible text is one line of UTF-8 without control characters; one that was that already is
//   the same; each byte of another is there, itself or as "\x1b";
// - the beginning of a text is at most as long as it may be, at most three bytes shorter, and ends
//   with a whole character if the text is UTF-8;
// - of what the sample passes on, everything is there but control characters and what is no UTF-8,
//   in order; what has been passed on once is passed on whole;
// - a failure comes out of the log as one such line, whatever its words, and its job's name, are.
//
// Mistakes: escape_is_shown bell_is_kept
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include <eddy/detail/legible.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/error.hpp>
#include <eddy/job_info.hpp>
#include <eddy/set_log.hpp>

#include "../../runtime/src/base/utf8.hpp"
#include "../../samples/printable.hpp"
#include "fuzz.hpp"

using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

/// How long the character at the front is, 0 if there is none. Of its bit patterns, one by one.
std::size_t length_at(std::string_view text) {
    const auto byte = [&](std::size_t at) -> unsigned {
        return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0U;
    };
    const auto tail = [&](std::size_t at) { return byte(at) >= 0x80 && byte(at) <= 0xBF; };
    const unsigned a = byte(0);
    const unsigned b = byte(1);
    if (a < 0x80) {
        return 1;
    }
    if (a >= 0xC2 && a <= 0xDF) {
        return tail(1) ? 2 : 0;
    }
    if (a >= 0xE0 && a <= 0xEF) {  // the table of RFC 3629, section 4
        const bool second = a == 0xE0   ? b >= 0xA0 && b <= 0xBF
                            : a == 0xED ? b >= 0x80 && b <= 0x9F
                                        : tail(1);
        return second && tail(2) ? 3 : 0;
    }
    if (a >= 0xF0 && a <= 0xF4) {
        const bool second = a == 0xF0   ? b >= 0x90 && b <= 0xBF
                            : a == 0xF4 ? b >= 0x80 && b <= 0x8F
                                        : tail(1);
        return second && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

bool is_control(std::string_view character) {
    const auto first = static_cast<std::uint8_t>(character.front());
    const auto last = static_cast<std::uint8_t>(character.back());
    return first < 0x20 || first == 0x7F || (first == 0xC2 && last < 0xA0);
}

struct Split {
    bool is_utf8 = true;
    bool is_clean = true;   // UTF-8 without control characters
    std::string kept = {};  // what is neither
};

Split split(std::string_view text) {
    Split all;
    while (!text.empty()) {
        const std::size_t length = length_at(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(length, 1));
        const bool good =
            length != 0 && (!is_control(bytes) || (planted("bell_is_kept") && bytes == "\a"));
        all.is_utf8 = all.is_utf8 && length != 0;
        all.is_clean = all.is_clean && good;
        if (good) {
            all.kept += bytes;
        }
        text.remove_prefix(bytes.size());
    }
    return all;
}

/// What was written as "\x1b", "\n" and "\t" is those bytes again. Exact where the text has no
/// backslash of its own.
std::string unescaped(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        const bool escape = text.starts_with('\\') && text.size() > 1;
        if (escape && text[1] == 'x' && text.size() > 3) {
            const auto digit = [&](std::size_t at) {
                return text[at] >= 'a' ? text[at] - 'a' + 10 : text[at] - '0';
            };
            bytes += static_cast<char>(digit(2) * 16 + digit(3));
            text.remove_prefix(4);
        } else if (escape && (text[1] == 'n' || text[1] == 't')) {
            bytes += text[1] == 'n' ? '\n' : '\t';
            text.remove_prefix(2);
        } else {
            bytes += text.front();
            text.remove_prefix(1);
        }
    }
    return bytes;
}

std::string heard;

void check_log(std::string_view text, int code) {
    eddy::set_log([](eddy::LogLevel, std::string_view line) noexcept { heard += line; });
    heard.clear();
    eddy::JobInfo job;
    const std::string name(text.substr(0, text.size() / 2));
    job.id = 1;
    job.name = name;
    const std::string words(text);
    const eddy::IoError error(std::error_code(code, std::generic_category()), words);
    // Of its kind only so many a second are said.
    eddy::detail::log_failure(job, std::make_exception_ptr(error), "a job");
    FUZZ_REQUIRE(split(heard).is_clean);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    const std::size_t most = input.take_u8() % 32U;
    const std::string_view text = input.rest_text();
    const Split parts = split(text);

    std::string legible = eddy::detail::legible(text);
    if (planted("escape_is_shown")) {
        std::replace(legible.begin(), legible.end(), '\\', '\x1b');
    }
    FUZZ_REQUIRE(split(legible).is_clean);
    FUZZ_REQUIRE((legible == text) == parts.is_clean);
    if (text.find('\\') == std::string_view::npos) {
        FUZZ_REQUIRE(unescaped(legible) == text);
    }

    const std::string_view beginning = eddy::detail::whole_characters(text, most);
    FUZZ_REQUIRE(text.starts_with(beginning));
    FUZZ_REQUIRE(beginning.size() <= most);
    FUZZ_REQUIRE(beginning.size() + 3 >= std::min(most, text.size()));
    FUZZ_REQUIRE(!parts.is_utf8 || split(beginning).is_utf8);

    const std::string passed_on = printable(text);
    FUZZ_REQUIRE(passed_on == parts.kept);
    FUZZ_REQUIRE(printable(passed_on) == passed_on);

    check_log(text, static_cast<int>(most) + 1);
    return 0;
}

// SPDX-License-Identifier: MIT
// The parser of the sample resp_server, on any bytes in any pieces.
//
// Laws:
// - however the bytes are cut, the same requests come out, and the same error at the same place;
// - they are what a parser of thirty lines finds that wants all of a request at once;
// - words lie inside of their request, and a request and its words keep within their bounds;
// - it looks at no byte that has not come, and an incomplete request is one until `wanted` have;
// - a request that is written down from its words is read as them.
//
// Mistakes: lost_byte late_end
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../samples/resp_server/resp.hpp"
#include "fuzz.hpp"

namespace {

using eddy::fuzz::Bytes;
using eddy::fuzz::planted;
using resp::Parser;

using Request = std::vector<std::string>;

/// What became of all the bytes.
struct Outcome {
    std::vector<Request> requests{};
    bool invalid = false;
    std::size_t left = 0;  // bytes of what is incomplete or invalid, and behind

    bool operator==(const Outcome&) const = default;
};

Request words_of(const Parser& parser, std::string_view bytes) {
    const resp::Arguments words = parser.arguments(bytes);
    FUZZ_REQUIRE(parser.length() <= bytes.size());
    FUZZ_REQUIRE(parser.length() <= resp::max_request);
    FUZZ_REQUIRE(words.size() <= std::max(resp::max_arguments, resp::max_inline));
    Request request;
    for (std::size_t i = 0; i < words.size(); ++i) {
        FUZZ_REQUIRE(words[i].data() >= bytes.data());
        FUZZ_REQUIRE(words[i].data() + words[i].size() <= bytes.data() + parser.length());
        request.emplace_back(words[i]);
    }
    return request;
}

/// In memory that ends where the bytes do, so that a sanitizer sees who looks further.
Parser::Result parse_exactly(Parser& parser, std::string_view bytes, std::vector<char>& memory) {
    memory.assign(bytes.begin(), bytes.end());
    memory.shrink_to_fit();
    return parser.parse({memory.data(), memory.size()});
}

Outcome parse_in_pieces(std::string_view text, Bytes cuts) {
    Outcome outcome;
    Parser parser;
    std::vector<char> memory;
    std::size_t come = 0;
    while (true) {
        const Parser::Result result = parse_exactly(parser, text.substr(0, come), memory);
        if (result == Parser::complete) {
            const std::size_t length = parser.length() + (planted("late_end") ? 1U : 0U);
            outcome.requests.push_back(words_of(parser, {memory.data(), memory.size()}));
            text.remove_prefix(std::min(length, text.size()));
            come -= std::min(length, come);
            parser.next();
            continue;
        }
        outcome.invalid = result == Parser::invalid;
        if (outcome.invalid || come == text.size()) {
            break;
        }
        FUZZ_REQUIRE(parser.wanted() > come);
        FUZZ_REQUIRE(parser.wanted() <= resp::max_request + resp::max_header);
        come += std::min<std::size_t>(cuts.empty() ? text.size() : 1U + cuts.take_u8() % 24U,
                                      text.size() - come);
        if (planted("lost_byte") && come < text.size() && come > 8) {
            text.remove_suffix(1);
        }
    }
    outcome.left = text.size();
    return outcome;
}

// --- the model ---------------------------------------------------------------------------------

/// The number in a line that begins with `kind`, and the line is taken. Empty: no such line.
std::optional<std::int64_t> line_of(char kind, std::string_view& bytes, bool& invalid) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    invalid =
        invalid || (!bytes.empty() && bytes.front() != kind) || line.size() >= resp::max_header;
    if (invalid || line.size() == bytes.size()) {
        return std::nullopt;
    }
    const auto number = line.size() >= 2 && line.back() == '\r'
                            ? resp::number_from(line.substr(1, line.size() - 2))
                            : std::nullopt;
    invalid = !number;
    bytes.remove_prefix(line.size() + 1);
    return number;
}

/// The next request, taken from the bytes; empty if there is none, or `invalid`.
std::optional<Request> model_of_next(std::string_view& bytes, bool& invalid) {
    const std::size_t size = bytes.size();
    std::string_view rest = bytes;
    Request request;
    if (!rest.starts_with('*')) {
        const std::size_t end = rest.substr(0, resp::max_inline).find('\n');
        invalid = end == std::string_view::npos && rest.size() >= resp::max_inline;
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        std::string word;
        for (const char letter : rest.substr(0, end + 1)) {
            if (std::string_view(" \t\r\n").find(letter) == std::string_view::npos) {
                word += letter;
            } else if (!word.empty()) {
                request.push_back(std::exchange(word, {}));
            }
        }
        bytes.remove_prefix(end + 1);
        return request;
    }
    const auto count = line_of('*', rest, invalid);
    invalid = invalid || (count && *count > static_cast<std::int64_t>(resp::max_arguments));
    for (std::int64_t i = 0; count && !invalid && i < *count; ++i) {
        const auto length = line_of('$', rest, invalid);
        const std::size_t used = size - rest.size();
        if (!length || invalid) {
            return std::nullopt;
        }
        if (*length < 0 || static_cast<std::uint64_t>(*length) + used + 2 > resp::max_request) {
            invalid = true;
            return std::nullopt;
        }
        const auto wanted = static_cast<std::size_t>(*length);
        if (rest.size() < wanted + 2) {
            return std::nullopt;
        }
        invalid = rest.substr(wanted, 2) != "\r\n";
        request.emplace_back(rest.substr(0, wanted));
        rest.remove_prefix(wanted + 2);
    }
    if (!count || invalid) {
        return std::nullopt;
    }
    bytes = rest;
    return request;
}

Outcome model_of(std::string_view text) {
    Outcome outcome;
    while (const auto request = model_of_next(text, outcome.invalid)) {
        outcome.requests.push_back(*request);
    }
    outcome.left = text.size();
    return outcome;
}

void check_written_down(const Request& request) {
    std::string text;
    resp::add_array(text, request.size());
    for (const std::string& word : request) {
        resp::add_bulk(text, word);
    }
    if (text.size() > resp::max_request || request.size() > resp::max_arguments) {
        return;
    }
    Parser parser;
    FUZZ_REQUIRE(parser.parse(text) == Parser::complete);
    FUZZ_REQUIRE(parser.length() == text.size());
    FUZZ_REQUIRE(words_of(parser, text) == request);
}

/// Until there are as many bytes as it wants it stays incomplete.
void check_wanted(std::string_view text) {
    Parser parser;
    for (std::size_t come = 0; come < text.size() && come < 512; ++come) {
        const std::size_t wanted = parser.wanted();
        const Parser::Result result = parser.parse(text.substr(0, come));
        FUZZ_REQUIRE(come >= wanted || result == Parser::incomplete);
        if (result != Parser::incomplete) {
            break;
        }
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    const std::size_t cut_count = input.take_u8() % 32U;
    const auto cut_bytes = input.take(cut_count);
    const Bytes cuts(cut_bytes.data(), cut_bytes.size());
    const std::string_view text = input.rest_text();
    const Outcome whole = parse_in_pieces(text, Bytes(nullptr, 0));
    FUZZ_REQUIRE(whole == model_of(text));
    FUZZ_REQUIRE(whole == parse_in_pieces(text, cuts));
    for (const Request& request : whole.requests) {
        check_written_down(request);
    }
    check_wanted(text);
    return 0;
}

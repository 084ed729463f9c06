// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/task.hpp>

#include "resp.hpp"

/// The other side of the protocol, for those who play clients.
namespace resp {

inline void add_request(std::string& out, std::span<const std::string> words) {
    add_array(out, words.size());
    for (const std::string& word : words) {
        add_bulk(out, word);
    }
}
inline void add_request(std::string& out, std::initializer_list<std::string> words) {
    add_request(out, std::span(words.begin(), words.size()));
}

/// An answer, without arrays in arrays.
struct Reply {
    char kind = ' ';  ///< '+', '-', ':', '$', '*'; '0' for nil of either kind
    std::string text{};
    std::vector<std::string> words{};  ///< of an array
};

/// Throws: `EndOfStream` for a connection that ends in good order before it, `BrokenResource` for
///         one that is reset.
template <class S>
eddy::Task<Reply> read_reply(eddy::BufferedReader<S>& reader) {
    const auto line = co_await reader.read_until("\r\n");
    if (!line || line->empty()) {
        throw eddy::EndOfStream("the connection ended before an answer");
    }
    Reply reply;
    reply.text.assign(reinterpret_cast<const char*>(line->data()), line->size());
    reply.kind = reply.text.front();
    reply.text.erase(0, 1);
    if (reply.text == "-1" && (reply.kind == '$' || reply.kind == '*')) {
        reply.kind = '0';
    } else if (reply.kind == '$') {
        const auto length = static_cast<std::size_t>(number_from(reply.text).value_or(0));
        const auto bytes = co_await reader.read_exactly(length + 2, max_request);
        reply.text.assign(reinterpret_cast<const char*>(bytes.data()), length);
    } else if (reply.kind == '*') {
        const auto count = number_from(reply.text).value_or(0);
        for (std::int64_t i = 0; i < count; ++i) {
            Reply word = co_await read_reply(reader);
            reply.words.push_back(std::move(word.text));
        }
    }
    co_return reply;
}

}  // namespace resp

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "client.hpp"
#include "resp.hpp"
#include "store.hpp"

/// Commands for lists. BLPOP, which waits, is the session's.
namespace resp::command {

inline Next push(Client& client, const Arguments& words, Store::Side side) {
    Store::Items items;
    for (std::size_t i = 2; i < words.size(); ++i) {
        items.emplace(side == Store::Side::left ? items.begin() : items.end(), words[i]);
    }
    const auto size = client.service.store.push(words[1], side, std::move(items));
    return size ? give(client, *size) : fail(client, wrong_type);
}
inline Next lpush(Client& client, const Arguments& words) {
    return push(client, words, Store::Side::left);
}
inline Next rpush(Client& client, const Arguments& words) {
    return push(client, words, Store::Side::right);
}

/// True: it holds something else, and that has been said.
inline bool is_no_list(Client& client, Store::Value* value) {
    const bool wrong = value != nullptr && value->list() == nullptr;
    if (wrong) {
        add_error(client.replies, wrong_type);
    }
    return wrong;
}

/// What is taken is in the answer: a client that is gone before it has that has lost it. Who must
/// not lose anything uses BLPOP.
inline Next pop(Client& client, const Arguments& words, Store::Side side) {
    if (is_no_list(client, client.service.store.find(words[1]))) {
        return Next::go_on;
    }
    const Store::Items item = client.service.store.take(words[1], side);
    if (item.empty()) {
        add_nil(client.replies);
    } else {
        add_bulk(client.replies, item.front());
    }
    return Next::go_on;
}
inline Next lpop(Client& client, const Arguments& words) {
    return pop(client, words, Store::Side::left);
}
inline Next rpop(Client& client, const Arguments& words) {
    return pop(client, words, Store::Side::right);
}

inline Next llen(Client& client, const Arguments& words) {
    Store::Value* const value = client.service.store.find(words[1]);
    if (is_no_list(client, value)) {
        return Next::go_on;
    }
    return give(client, value == nullptr ? 0 : value->list()->size());
}

inline Next lrange(Client& client, const Arguments& words) {
    const auto first = number_from(words[2]);
    const auto last = number_from(words[3]);
    if (!first || !last) {
        return fail(client, no_number);
    }
    Store::Value* const value = client.service.store.find(words[1]);
    if (is_no_list(client, value)) {
        return Next::go_on;
    }
    const Store::Items none;
    const Store::Items& items = value == nullptr ? none : *value->list();
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t begin = std::max<std::int64_t>(*first < 0 ? size + *first : *first, 0);
    const std::int64_t end = std::min(*last < 0 ? size + *last : *last, size - 1) + 1;
    if (begin >= end) {
        add_array(client.replies, 0);
        return Next::go_on;
    }
    const bool from_left = begin <= size / 2;
    auto item = from_left ? std::next(items.begin(), begin) : std::prev(items.end(), size - begin);
    client.work += static_cast<std::size_t>((from_left ? begin : size - begin) + end - begin);
    add_array(client.replies, static_cast<std::size_t>(end - begin));
    for (std::int64_t i = begin; i < end; ++i, ++item) {
        add_bulk(client.replies, *item);
    }
    return Next::go_on;
}

inline Next blpop(Client&, const Arguments&) { return Next::wait_for_item; }

}  // namespace resp::command

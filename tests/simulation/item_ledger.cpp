// SPDX-License-Identifier: MIT
#include "item_ledger.hpp"

#include <charconv>
#include <optional>

#include "resp_server/store.hpp"

namespace simulation {

namespace {

/// "i12." is an item, "s3." a session; the first of either kind in `text`, which is cut behind it.
std::optional<std::size_t> next_number(std::string_view& text, char kind) {
    while (true) {
        const std::size_t at = text.find(kind);
        if (at == std::string_view::npos) {
            return std::nullopt;
        }
        text.remove_prefix(at + 1);
        std::size_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end != text.data() + text.size() && *end == '.') {
            text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
            return number;
        }
    }
}

}  // namespace

std::size_t ItemLedger::begin_session() {
    sessions_.emplace_back();
    return sessions_.size() - 1;
}

std::size_t ItemLedger::begin_line() {
    lines_.emplace_back();
    return lines_.size() - 1;
}

std::size_t ItemLedger::make_item() {
    items_.emplace_back();
    ++all_items_;
    return items_.size() - 1;
}

std::string ItemLedger::text_of(std::size_t item) { return "i" + std::to_string(item) + "."; }

std::string ItemLedger::text_of_session(std::size_t session) {
    return "s" + std::to_string(session) + ".";
}

void ItemLedger::received(std::string_view text) {
    const auto number = next_number(text, 'i');
    const bool known = number && *number < items_.size() && text.empty();
    findings_.expect(known, "an item came that nobody has made");
    if (known) {
        Item& item = items_[*number];
        findings_.expect(++item.received == 1, "an item came to two clients");
        findings_.expect(item.written != 0, "an item came that was not written");
    }
}

void ItemLedger::written(std::size_t line, std::string_view bytes) {
    std::string_view rest = bytes;
    if (const auto session = next_number(rest, 's'); session && *session < sessions_.size()) {
        lines_[line].session = *session;
    }
    rest = bytes;
    while (const auto number = next_number(rest, 'i')) {
        if (*number < items_.size()) {
            Item& item = items_[*number];
            findings_.expect(++item.written == 1, "an item was written twice");
            item.line = line;
        }
    }
}

void ItemLedger::count_what_is_left(resp::Service& service) {
    for (std::size_t i = 0; i < keys; ++i) {
        while (true) {
            const auto taken = service.store.take(key(i), resp::Store::Side::left);
            if (taken.empty()) {
                break;
            }
            std::string_view text = taken.front();
            const auto number = next_number(text, 'i');
            findings_.expect(number && *number < items_.size(), "what is left was never made");
            if (number && *number < items_.size()) {
                ++items_[*number].left;
            }
        }
    }
}

void ItemLedger::check(std::size_t number) {
    const Item& item = items_[number];
    const unsigned places = item.written + item.left;
    findings_.expect(places <= 1, text_of(number) + " is in two places");
    findings_.expect(places == 1 || !item.pushed, text_of(number) + " is lost");
    if (item.written == 0 || item.received != 0) {
        return;
    }
    ++lost_;
    const std::size_t session = lines_[item.line].session;
    findings_.expect(session == none || !sessions_[session].read_all,
                     text_of(number) + " was written and has not come on a connection that lived");
}

void ItemLedger::settle(resp::Service& service) {
    count_what_is_left(service);
    for (std::size_t i = 0; i < items_.size(); ++i) {
        check(i);
    }
    findings_.expect(service.store.lists().items == 0, "there are lists that nobody has made");
    findings_.expect(service.store.awaited() == 0 && service.blocked == 0,
                     "somebody waits for an item although nobody is connected");
    std::vector<Item>().swap(items_);
    std::vector<Line>().swap(lines_);
    std::vector<Session>().swap(sessions_);
}

}  // namespace simulation

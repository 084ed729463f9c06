// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "findings.hpp"
#include "resp_server/client.hpp"

namespace simulation {

/// Where every item of an hour is: who made it, what the server has handed to the system and on
/// which connection, who has read it, and what is left in the lists.
class ItemLedger final {
public:
    explicit ItemLedger(Findings& findings) : findings_(findings) {}

    // --- clients say
    [[nodiscard]] std::size_t begin_session();
    /// It has read its connection to an end in good order: nothing may be missing of it.
    void read_all(std::size_t session) { sessions_[session].read_all = true; }
    [[nodiscard]] std::size_t make_item();
    /// The server has answered its push.
    void pushed(std::size_t item) { items_[item].pushed = true; }
    void received(std::string_view text);
    [[nodiscard]] static std::string text_of(std::size_t item);
    /// What tells the wire whose it is: the server is asked to say it first.
    [[nodiscard]] static std::string text_of_session(std::size_t session);

    // --- the server's streams say
    [[nodiscard]] std::size_t begin_line();
    /// The system has taken these bytes for it.
    void written(std::size_t line, std::string_view bytes);

    /// At the end of the hour, when nobody is connected: every item whose push was answered is in
    /// one place, any other in one at most. Takes what is left, and forgets everything.
    void settle(resp::Service& service);

    [[nodiscard]] std::uint64_t items() const noexcept { return all_items_; }
    [[nodiscard]] std::uint64_t lost_with_wires() const noexcept { return lost_; }

    static constexpr std::size_t keys = 4;
    [[nodiscard]] static std::string key(std::size_t number) {
        return "k" + std::to_string(number);
    }

private:
    struct Item {
        bool pushed = false;
        unsigned written = 0;
        unsigned received = 0;
        unsigned left = 0;
        std::size_t line = 0;  // that it was written to
    };
    struct Line {
        std::size_t session = none;
    };
    struct Session {
        bool read_all = false;
    };
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    void check(std::size_t number);
    void count_what_is_left(resp::Service& service);

    Findings& findings_;
    std::vector<Item> items_;
    std::vector<Line> lines_;
    std::vector<Session> sessions_;
    std::uint64_t all_items_ = 0;
    std::uint64_t lost_ = 0;
};

}  // namespace simulation

// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace eddy::inline v0_1::detail {

/// What a message is one of: where it comes from and what is wrong, not the exact words.
struct LogKind {
    std::uint64_t key;
    unsigned most;  ///< lines a second; at most `LogRate::most`
    int level;
};

/// How often each kind of message is said: a few times a second. The rest is counted.
///
/// Threading: none of its own. Constant-initialised, allocates nothing; when there are more kinds
///            in a second than it has places for, the last place is for all others together.
class LogRate final {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr unsigned most = 10;
    static constexpr std::chrono::seconds period{1};

    /// What was not said of a kind.
    struct Rest {
        std::uint64_t count = 0;
        int level = 0;
        char label[112] = {};
    };

    /// False: counted instead. `label(buffer, size)` names a kind that is new.
    template <class Label>
    [[nodiscard]] bool admit(const LogKind& kind, Time now, Label&& label) noexcept {
        Place* place = find(kind.key);
        if (place == nullptr) {
            place = &settle(kind.key, now);
            if (place != &places_[last]) {
                label(place->label, sizeof place->label);
            }
        }
        return count(*place, kind, now);
    }

    /// Takes what has waited for its second to be over, or all; one kind for each call.
    [[nodiscard]] bool take(Time now, bool all, Rest& rest) noexcept;

    /// Whether `take` would find one that is due.
    [[nodiscard]] bool due(Time now) const noexcept;
    [[nodiscard]] bool pending() const noexcept { return unsaid_ != 0; }

    /// In a forked child, which begins anew: it is the parent that tells what it has not said.
    void forget() noexcept;

private:
    static constexpr std::size_t last = 63;

    struct Place {
        std::uint64_t key = 0;     // 0: free
        std::uint64_t unsaid = 0;  // since `first_unsaid`
        Time first_unsaid;
        Time said[most] = {};  // a ring of the last ones, the oldest at `next`
        unsigned next = 0;
        unsigned count = 0;  // of said
        int level = 0;
        char label[sizeof(Rest::label)] = {};
    };

    [[nodiscard]] Place* find(std::uint64_t key) noexcept;
    [[nodiscard]] Place& settle(std::uint64_t key, Time now) noexcept;
    [[nodiscard]] bool count(Place& place, const LogKind& kind, Time now) noexcept;

    // Invariant: unsaid_ places have something unsaid, and those stay theirs.
    Place places_[last + 1] = {};
    std::size_t unsaid_ = 0;
};

}  // namespace eddy::inline v0_1::detail

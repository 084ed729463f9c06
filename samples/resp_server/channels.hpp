// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/net/outbox.hpp>

#include "resp.hpp"

namespace resp {

/// Who hears what is published: the out-queues of connections, by channel.
///
/// Nobody is waited for. What becomes of one who is too slow says its `Outbox`.
class Channels {
public:
    class Subscriber;

    Channels() = default;
    Channels(const Channels&) = delete;
    Channels& operator=(const Channels&) = delete;

    /// Returns how many it was sent to. The text is made once, for all of them.
    std::size_t publish(std::string_view channel, std::string_view text) const {
        const auto place = channels_.find(channel);
        if (place == channels_.end()) {
            return 0;
        }
        std::string message;
        add_array(message, 3);
        add_bulk(message, "message");
        add_bulk(message, channel);
        add_bulk(message, text);
        const auto shared = std::make_shared<const std::string>(std::move(message));
        std::size_t sent = 0;
        for (const auto& [number, outbox] : place->second) {
            sent += outbox->send(shared) ? 1U : 0U;
        }
        return sent;
    }
    /// That somebody hears.
    [[nodiscard]] std::size_t size() const noexcept { return channels_.size(); }

private:
    // Invariant: no channel is without subscribers. They are sent to in the order they came in.
    std::map<std::string, std::map<std::uint64_t, eddy::Outbox*>, std::less<>> channels_;
    std::uint64_t next_number_ = 0;
};

/// A connection that hears something; gone from all its channels when it ends.
///
/// Lifetime: before its outbox, and before the channels.
class Channels::Subscriber {
public:
    static constexpr std::size_t max_channels = 1024;

    Subscriber(Channels& all, eddy::Outbox& outbox) noexcept
        : all_(all), outbox_(outbox), number_(all.next_number_++) {}
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    ~Subscriber() {
        for (const std::string& name : names_) {
            leave(name);
        }
    }

    [[nodiscard]] const std::set<std::string, std::less<>>& names() const noexcept {
        return names_;
    }
    /// False: it hears too many.
    [[nodiscard]] bool add(std::string_view name) {
        if (names_.size() == max_channels && !names_.contains(name)) {
            return false;
        }
        const auto mine = names_.emplace(name).first;
        try {
            all_.channels_[*mine].emplace(number_, &outbox_);
        } catch (...) {
            leave(*mine);
            names_.erase(mine);
            throw;
        }
        return true;
    }
    void remove(std::string_view name) {
        const auto mine = names_.find(name);
        if (mine != names_.end()) {
            leave(*mine);
            names_.erase(mine);
        }
    }

private:
    void leave(const std::string& name) noexcept {
        const auto place = all_.channels_.find(name);
        if (place == all_.channels_.end()) {
            return;  // there was no memory for it
        }
        place->second.erase(number_);
        if (place->second.empty()) {
            all_.channels_.erase(place);
        }
    }

    Channels& all_;
    eddy::Outbox& outbox_;
    std::uint64_t number_;
    std::set<std::string, std::less<>> names_;
};

}  // namespace resp

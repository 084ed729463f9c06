// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netdb.h>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/detail/list_link.hpp>
#include <eddy/net/address.hpp>

namespace eddy::inline v0_1::detail {

class LookupFlight;

/// What getaddrinfo is asked. Two questions that are equal have one answer.
struct LookupKey {
    std::string_view host;     ///< in ASCII, as the resolver gets it
    std::string_view service;  ///< empty: none
    int family = AF_UNSPEC;

    friend bool operator==(const LookupKey&, const LookupKey&) = default;
};

/// Somebody who wants an answer, and may leave before it is there.
class LookupRequest : private ListLink {
public:
    LookupRequest(const LookupRequest&) = delete;
    LookupRequest& operator=(const LookupRequest&) = delete;

    /// With the answer, once there is one.
    [[nodiscard]] const std::shared_ptr<LookupFlight>& flight() const noexcept { return flight_; }

protected:
    LookupRequest() = default;
    virtual ~LookupRequest() = default;

    /// On a thread of lookups, without its lock; from here on the request owns itself.
    virtual void answered() noexcept = 0;

private:
    friend class LookupFlight;
    friend class LookupThreads;

    std::shared_ptr<LookupFlight> flight_;
};

/// One call of getaddrinfo, with all that it reads and writes, for all who ask for the same.
///
/// It owns itself while it is queued and while it runs, whoever waits for it; those who wait, and
/// those who have the answer and have not looked at it yet, own it too. The last frees it.
///
/// | field                       | who                                                     |
/// |-----------------------------|---------------------------------------------------------|
/// | host_, service_, family_    | written before anybody else knows of it                 |
/// | links, state_, since_       | any thread, under the lock of `LookupThreads`           |
/// | requests_                   | the same, until it has landed; then its thread, without |
/// | self_                       | the same                                                |
/// | addresses_, status_, error_ | its thread, until it has landed; then everybody reads   |
class LookupFlight final : private ListLink {
public:
    /// Its place in the table.
    struct InTable : ListLink {
        explicit InTable(LookupFlight& owner) noexcept : flight(owner) {}
        LookupFlight& flight;
    };

    /// Of an answer. More of them nobody connects to, and each of those who ask gets a copy.
    static constexpr std::size_t most_addresses = 256;

    explicit LookupFlight(const LookupKey& key);
    LookupFlight(const LookupFlight&) = delete;
    LookupFlight& operator=(const LookupFlight&) = delete;
    ~LookupFlight() = default;

    [[nodiscard]] LookupKey key() const noexcept { return {host_, service_, family_}; }

    /// In the resolver's order, without duplicates. Empty if the status is not 0.
    [[nodiscard]] const std::vector<Address>& addresses() const noexcept { return addresses_; }
    /// What getaddrinfo returned, or EAI_MEMORY, and the errno of EAI_SYSTEM.
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] int error() const noexcept { return error_; }

private:
    friend class LookupTable;
    friend class LookupThreads;

    enum class State : std::uint8_t { queued, running, landed };

    void look_up() noexcept;
    void keep(const addrinfo* answer) noexcept;
    void tell_all() noexcept;

    const std::string host_;
    const std::string service_;
    const int family_;

    // Invariant: queued implies somebody in requests_, and a place in the table.
    InTable in_table_{*this};
    ListLink requests_;
    State state_ = State::queued;
    std::chrono::steady_clock::time_point since_;  // of the state running
    std::shared_ptr<LookupFlight> self_;           // not yet landed

    std::vector<Address> addresses_;
    int status_ = 0;
    int error_ = 0;
};

}  // namespace eddy::inline v0_1::detail

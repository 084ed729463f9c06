// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chance.hpp"
#include "findings.hpp"
#include "network.hpp"
#include "service.hpp"

namespace simulation {

/// Talks to an echo service, directly or through a proxy, and gets back exactly what it has sent,
/// or an error that it was due.
class EchoClient final {
public:
    EchoClient(std::string name,
               Chance chance,
               Network& network,
               Service& service,
               const Service* behind,
               Findings& findings);

    /// One connection, from its beginning to its end.
    Task<> session();
    /// Gives back what memory the last one took.
    void rest() {
        std::vector<std::byte>().swap(message_);
        std::vector<std::byte>().swap(answer_);
    }

    /// Bytes that came back.
    [[nodiscard]] std::uint64_t echoed() const noexcept { return echoed_; }
    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

private:
    Task<> talk(MemoryStream& stream);
    Task<> exchange(MemoryStream& stream);
    Task<> send_and_receive(MemoryStream& stream);
    Task<> send(MemoryStream& stream);
    Task<> receive(MemoryStream& stream);
    Task<> be_silent(MemoryStream& stream);
    Task<> leave(MemoryStream& stream);
    [[nodiscard]] std::uint64_t drains() const;

    std::string name_;
    Chance chance_;
    Network& network_;
    Service& service_;
    const Service* behind_;
    Findings& findings_;
    // Of the session.
    WireFaults faults_;
    Weather weather_ = Weather::clear;
    std::uint64_t drains_before_ = 0;
    bool error_is_due_ = false;
    std::vector<std::byte> message_;
    std::vector<std::byte> answer_;
    std::uint64_t echoed_ = 0;
    std::uint64_t errors_ = 0;
};

}  // namespace simulation

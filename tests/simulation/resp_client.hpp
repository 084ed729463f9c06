// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <eddy/net/buffered_reader.hpp>

#include "chance.hpp"
#include "findings.hpp"
#include "item_ledger.hpp"
#include "network.hpp"
#include "resp_server/reply.hpp"
#include "service.hpp"

namespace simulation {

/// Makes items and waits for some on a server of the Redis protocol, and keeps the ledger of them;
/// every answer is the right one, in its order, and those that time decides come in time.
class RespClient final {
public:
    RespClient(std::string name,
               Chance chance,
               Network& network,
               Service& service,
               ItemLedger& ledger,
               Findings& findings);

    /// One connection, from its beginning to its end.
    Task<> session();
    void rest() { std::string().swap(requests_); }

    [[nodiscard]] std::uint64_t pops() const noexcept { return pops_; }
    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

private:
    using Reader = eddy::BufferedReader<MemoryStream>;

    Task<> talk(MemoryStream& stream);
    Task<> greet(MemoryStream& stream, Reader& reader);
    Task<> push(MemoryStream& stream, Reader& reader);
    Task<> pop(MemoryStream& stream, Reader& reader);
    Task<> count(MemoryStream& stream, Reader& reader);
    Task<> pipeline(MemoryStream& stream, Reader& reader);
    Task<> talk_nonsense(MemoryStream& stream, Reader& reader);
    Task<> leave(MemoryStream& stream, Reader& reader);
    Task<> read_to_the_end(Reader& reader);

    void ask_for_item(eddy::Duration timeout);
    Task<> send(MemoryStream& stream);
    Task<resp::Reply> reply(Reader& reader);
    void check_popped(const resp::Reply& reply);

    std::string name_;
    Chance chance_;
    Network& network_;
    Service& service_;
    ItemLedger& ledger_;
    Findings& findings_;
    // Of the session.
    WireFaults faults_;
    Weather weather_ = Weather::clear;
    std::uint64_t drains_before_ = 0;
    bool error_is_due_ = false;
    std::size_t number_ = 0;
    std::string requests_;
    std::uint64_t pops_ = 0;
    std::uint64_t errors_ = 0;
    std::int64_t counted_ = 0;  // of the key that only this one counts
    bool counting_ = false;     // an INCR was sent that was not answered
};

}  // namespace simulation

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <sys/types.h>

#include <eddy/detail/owned_fd.hpp>

#include "fs/place.hpp"

namespace eddy::inline v0_1::detail {

/// A file whose attributes are wanted. One that may not be read has some all the same.
class AttributeSource final {
public:
    /// What is at that place, no link.
    ///
    /// Throws: `IoError`, "VERB PATH (to keep its attributes): ..."; `CallStopped`.
    AttributeSource(const Place& place, std::string_view verb, std::string_view path);

    /// False: those of the user are not for us.
    [[nodiscard]] bool is_readable() const noexcept { return behind_.empty(); }
    /// As flistxattr(2) and fgetxattr(2).
    [[nodiscard]] ssize_t list(char* into, std::size_t size) const noexcept;
    [[nodiscard]] ssize_t get(const char* name, char* into, std::size_t size) const noexcept;

private:
    std::string behind_;  // a path to it, if the descriptor is good for its name only
    OwnedFd fd_;
};

/// Gives a file what another one has: attributes of the user (`user.*`) and the access list. Not
/// labels of security modules, which the system gives as it sees fit, nor capabilities, which are
/// of the old content; of one that may not be read, the access list only. Where there is no such
/// thing, it does nothing.
///
/// Throws: `IoError`, "VERB PATH (its attribute NAME): ...".
void copy_attributes(const AttributeSource& from,
                     int to,
                     std::string_view verb,
                     std::string_view path);

}  // namespace eddy::inline v0_1::detail

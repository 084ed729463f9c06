// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

/// Every error of the library, by whose fault it is (bad arguments are `std::invalid_argument`,
/// leaving a range is `std::out_of_range`).

namespace eddy::inline v0_1 {

/// Why a cancellation happened.
enum class CancelSource : std::uint8_t {
    explicit_call,  ///< somebody called `cancel`
    deadline,       ///< the scope's deadline passed
    group,          ///< another job of the group failed
    shutdown,       ///< the loop is ending
};

[[nodiscard]] EDDY_API std::string_view to_string(CancelSource source) noexcept;

/// Why, in whose words, and by which job a scope was cancelled.
struct EDDY_VISIBLE CancelCause {
    CancelSource source = CancelSource::explicit_call;
    std::string reason;  ///< what the caller of `cancel` said, possibly nothing
    std::string origin;  ///< the job that did it, empty if none did
};

/// Unwinds a job out of a cancelled scope; thrown by checkpoints, absorbed by scopes.
///
/// Deliberately no `std::exception`: `catch (const std::exception&)` must not eat it. Let it pass,
/// or rethrow it. Only the library makes one.
class EDDY_API Cancelled final {
public:
    [[nodiscard]] CancelSource source() const noexcept;
    [[nodiscard]] const std::string& reason() const noexcept;
    /// The name of the job that cancelled, empty if it was no job.
    [[nodiscard]] const std::string& origin() const noexcept;
    [[nodiscard]] std::string message() const;

private:
    friend struct CancelledAccess;
    explicit Cancelled(std::shared_ptr<const CancelCause> cause) noexcept
        : cause_(std::move(cause)) {}

    std::shared_ptr<const CancelCause> cause_;  // never null
};

/// The API was used in a way it forbids; state is unchanged.
class EDDY_VISIBLE InvalidState : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A loop-bound object was touched from another thread than its loop's.
class EDDY_VISIBLE WrongThread : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// You closed it (or shut it down).
class EDDY_VISIBLE ClosedResource : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The other side is gone.
class EDDY_VISIBLE BrokenResource : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A barrier was aborted, or reset under those that waited at it.
class EDDY_VISIBLE BrokenBarrier : public BrokenResource {
public:
    using BrokenResource::BrokenResource;
};

/// Somebody else is using it in the way only one may.
class EDDY_VISIBLE BusyResource : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Drained: nothing more will come.
class EDDY_VISIBLE EndOfStream : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The other side sent more than you allow: a line, a frame.
class EDDY_VISIBLE LimitExceeded : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The loop is over and takes no more work.
class EDDY_VISIBLE LoopClosed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `fail_after` ran into its own deadline.
class EDDY_VISIBLE TimedOut : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The job you awaited was cancelled by somebody else, or a group was and has no value to return.
class EDDY_VISIBLE JobCancelled : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The world said no: "connect 127.0.0.1:80: connection refused".
class EDDY_VISIBLE IoError : public std::system_error {
public:
    using std::system_error::system_error;
};

}  // namespace eddy::inline v0_1

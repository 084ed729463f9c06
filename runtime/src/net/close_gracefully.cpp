// SPDX-License-Identifier: MIT
#include <eddy/net/close_gracefully.hpp>

#include <stdexcept>
#include <system_error>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void check_close(const CloseOptions& options) {
    static_cast<void>(options.bytes.checked("CloseOptions: bytes"));
    if (options.time <= Duration::zero()) {
        throw std::invalid_argument("CloseOptions: the time is above zero; to give none, close()");
    }
}

CloseResult close_result(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const BrokenResource&) {  // torn, too
        return CloseResult::gone;
    } catch (const EndOfStream&) {
        return CloseResult::gone;
    } catch (const IoError& failed) {  // timed out: by the limit on silence
        return failed.code() == std::errc::timed_out ? CloseResult::cut_off : CloseResult::gone;
    } catch (const TimedOut&) {  // by a timeout of the stream's own
        return CloseResult::cut_off;
    } catch (const ClosedResource&) {  // before, or by another job meanwhile
        return CloseResult::cut_off;
    }
}

}  // namespace eddy::inline v0_1::detail

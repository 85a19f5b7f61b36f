"""Text of IPv4 and IPv6 addresses to halves of 128 bits."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

_ZERO = np.uint64(0)
_V4_PREFIX = np.uint64(0xFFFF << 32)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_BITS_16 = np.uint64(16)
_DOT, _COLON, _NINE = ord("."), ord(":"), ord("9")
_LOWER_A, _LOWER_F, _UPPER_A, _UPPER_F = ord("a"), ord("f"), ord("A"), ord("F")


@kernel
def digit_value(char):
    """Value of a hexadecimal digit, -1 when the byte is none."""
    if ord("0") <= char <= _NINE:
        return char - ord("0")
    if _LOWER_A <= char <= _LOWER_F:
        return char - _LOWER_A + 10
    if _UPPER_A <= char <= _UPPER_F:
        return char - _UPPER_A + 10
    return -1


@kernel
def parse_ipv4(text, at, stop):
    """Number of the dotted quad in ``text[at:stop]``, uint8; -1 when it is none. Leading zeros are none either."""
    value = 0
    group = 0
    digits = 0
    groups = 1
    for place in range(at, stop):
        char = np.int64(text[place])
        if char == _DOT:
            if digits == 0 or groups == 4:
                return -1
            value = value << 8 | group
            group = 0
            digits = 0
            groups += 1
            continue
        if char < ord("0") or char > _NINE or (digits > 0 and group == 0):
            return -1
        group = group * 10 + char - ord("0")
        digits += 1
        if group > 255:
            return -1
    if groups != 4 or digits == 0:
        return -1
    return value << 8 | group


@kernel
def parse_ipv6(text, at, stop):
    """Halves of the IPv6 text in ``text[at:stop]``, uint8 (RFC 4291 2.2, embedded IPv4 too).

    Returns
    -------
    (is an address, upper half, lower half), the halves uint64.
    """
    # the groups before '::' fill the halves from the top, those behind it are counted and shifted in from the bottom
    head_high, head_low, tail_high, tail_low = _ZERO, _ZERO, _ZERO, _ZERO
    groups = 0
    gap = -1
    place = at
    if stop - at >= 2 and text[at] == _COLON:
        if text[at + 1] != _COLON:
            return False, _ZERO, _ZERO
        gap = 0
        place = at + 2
    while place < stop:
        begin = place
        value = 0
        while place < stop:
            digit = digit_value(np.int64(text[place]))
            if digit < 0:
                break
            value = value << 4 | digit
            place += 1
            if place - begin > 4:
                return False, _ZERO, _ZERO
        width = 1
        if place < stop and text[place] == _DOT:
            value = parse_ipv4(text, begin, stop)
            if value < 0:
                return False, _ZERO, _ZERO
            place = stop
            width = 2
        elif place == begin:
            return False, _ZERO, _ZERO
        groups += width
        if groups > 8:
            return False, _ZERO, _ZERO
        for part in range(width):
            word = np.uint64(value >> (16 * (width - 1 - part)) & 0xFFFF)
            tail_high = tail_high << _BITS_16 | tail_low >> np.uint64(48)
            tail_low = tail_low << _BITS_16 | word
        if place == stop:
            break
        if text[place] != _COLON:
            return False, _ZERO, _ZERO
        place += 1
        if place == stop:
            return False, _ZERO, _ZERO
        if text[place] == _COLON:
            if gap >= 0:
                return False, _ZERO, _ZERO
            gap = groups
            place += 1
            head_high, head_low = _shift_left(tail_high, tail_low, 16 * (8 - groups))
            tail_high, tail_low = _ZERO, _ZERO
    if gap < 0:
        return groups == 8, tail_high, tail_low
    return groups < 8, head_high | tail_high, head_low | tail_low


@kernel
def _shift_left(high, low, bits):
    if bits >= 128:
        return _ZERO, _ZERO
    if bits >= 64:
        return low << np.uint64(bits - 64), _ZERO
    if bits == 0:
        return high, low
    return high << np.uint64(bits) | low >> np.uint64(64 - bits), low << np.uint64(bits)


@kernel
def parse_address(text, at, stop):
    """Halves of the address in ``text[at:stop]``, uint8; an IPv4 address is its IPv4-mapped IPv6 address.

    Returns
    -------
    (is an address, upper half, lower half), the halves uint64. All ones stand for null elsewhere and are none.
    """
    for place in range(at, min(stop, at + 5)):
        if text[place] == _COLON:
            good, high, low = parse_ipv6(text, at, stop)
            return good and (high != _FULL or low != _FULL), high, low
    value = parse_ipv4(text, at, stop)
    if value < 0:
        return False, _ZERO, _ZERO
    return True, _ZERO, _V4_PREFIX | np.uint64(value)


@kernel
def parse_addresses(text, begins, lengths, high, low):
    """Halves of the addresses in ``text[begin:begin + length]``, shape (n,), uint64; all ones where there is none."""
    for row in range(begins.shape[0]):
        good, high[row], low[row] = parse_address(text, begins[row], begins[row] + lengths[row])
        if not good:
            high[row] = _FULL
            low[row] = _FULL

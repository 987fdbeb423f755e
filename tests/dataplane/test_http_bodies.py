"""Bodies in chunks and of a known length, however they are cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.dataplane.body import ChunkedBody, MalformedBody, SizedBody


def pieces_of(text: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    return [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]


def read_all(body: ChunkedBody | SizedBody, pieces: list[bytes]) -> tuple[bytes, bytes | None]:
    content, rest = b"", None
    for piece in pieces:
        if rest is not None:
            rest += piece
            continue
        more, rest = body.feed(piece)
        content += more
    return content, rest


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from([b"", b";x", b' ; a="b"']))),
    st.sampled_from([b"", b"X-Trailer: 1\r\n", b"a: b\r\nc:\r\n"]),
    st.binary(max_size=10),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_a_chunked_body_is_the_same_however_it_arrives(
    chunks: list[tuple[bytes, bytes]], trailers: bytes, after: bytes, cuts: list[int]
) -> None:
    coded = b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk, extension in chunks)
    text = coded + b"0\r\n" + trailers + b"\r\n" + after
    assert read_all(ChunkedBody(), pieces_of(text, cuts)) == (b"".join(chunk for chunk, _ in chunks), after)


@given(st.binary(max_size=50), st.binary(max_size=10), st.lists(st.integers(0, 100), max_size=5))
def test_a_sized_body_ends_after_its_length(content: bytes, after: bytes, cuts: list[int]) -> None:
    pieces = [piece for piece in pieces_of(content + after, cuts) if piece] or [b""]
    assert read_all(SizedBody(len(content)), pieces) == (content, after)


@pytest.mark.parametrize(
    "text",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1 1\r\n",
        b" 1\r\n",
        b"1\n",
        b"1\r\nab",
        b"1\r\na\n",
        b"1\r\na\r\r\n",
        b"1\ra\r\n",
        b"1;\x00\r\n",
        b"1;a\nb\r\n",
        b"ffffffffffffffff1\r\n",
        b"0\r\nno colon\r\n",
        b"0\r\nX : y\r\n",
        b"0\r\n folded\r\n",
        b"0\r\nX: y\n\r\n",
        b"1" * 20_000,
        b"1;" + b"x" * 20_000,
        b"0\r\n" + b"X: " + b"x" * 20_000,
        b"0\r\n" + b"X: y\r\n" * 20_000,
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_malformed_chunk_is_refused_at_once(text: bytes, at_once: bool) -> None:
    with pytest.raises(MalformedBody):
        read_all(ChunkedBody(), [text] if at_once else [bytes([byte]) for byte in text])

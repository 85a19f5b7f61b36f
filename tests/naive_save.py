"""Plain twin of the kernel that reads ``conntrack -o save``."""

import re
import tomllib

import naive_text as naive
from flowstitch.kernels import conntrack_text as ct

DIALECT = tomllib.loads((naive.SCHEMAS / "dialects/conntrack-save.toml").read_text())
TEXT = naive.DIALECT
STATES = naive.FIELDS["state"]["values"]
# Of a word that is known by its beginning, up to a '=' or through brackets, the rest does not count.
NOTES = [re.compile(rf"\[{re.escape(word)}\]") for word, what in TEXT["flags"].items() if what == "note"]
NOTES += [re.compile(f"{word}=") for word, key in TEXT["keys"].items() if key["form"] == "text"]
ONCE = naive.ONCE | {"timeout_s": ct.TIMEOUT}
MIRROR = [(0, 3), (1, 2)]


class SavedLine:
    """One line: ``status``, ``row`` by column and ``ips`` are what the kernel should give."""

    def __init__(self, line, whole=True):
        self.row, self.ips, self.told = {ct.FLAGS: 0, ct.EXTRAS: 0}, {}, None
        words = re.findall(r"[^ \t]+", line.removesuffix(b"\r").decode("latin-1"))
        try:
            self.read_command(words, whole=whole, open_ended=line[-1:] not in b" \t")
            self.read(words[1:])
            self.check()
            self.status = "parsed"
        except naive.RejectError as reject:
            self.status = str(reject)

    def read_command(self, words, *, whole, open_ended):
        if not words:
            raise naive.RejectError("blank")
        if words[0] not in DIALECT["events"]:
            torn = not whole and len(words) == 1 and open_ended
            raise naive.RejectError("torn line" if torn else "foreign line")
        if not whole:
            raise naive.RejectError("torn line")
        self.row[ct.EVENT_CODE] = naive.FIELDS["event"]["values"].index(DIALECT["events"][words[0]]) + 1

    def read(self, words):
        while words:
            word = words.pop(0)
            if word in DIALECT["options"]:
                self.read_option(DIALECT["options"][word], words.pop(0) if words else "")
            elif not any(note.match(word) for note in NOTES):
                self.row[ct.EXTRAS] += 1

    def read_option(self, option, value):
        form, reply = option["form"], option.get("reply", False)
        raw = value.encode("latin-1")
        if form == "address":
            place = 2 * reply + (option["to"] == "dst_ip")
            if place in self.ips:
                raise naive.RejectError("repeated token")
            self.ips[place] = naive.address(raw)
            if self.ips[place] is None:
                raise naive.RejectError("bad address")
        elif form == "status":
            if self.told is not None:
                raise naive.RejectError("repeated token")
            if value:
                self.told = value.removesuffix(",").split(",")
                self.row[ct.EXTRAS] += sum(word not in DIALECT["status"] for word in self.told)
        elif form == "state":
            self.put(ct.STATE, STATES.index(value) + 1 if value in STATES else -1, "bad state")
        elif form == "protocol":
            known = naive.PROTOCOLS.get(value)
            self.put(ct.PROTOCOL_NUMBER, known["number"] if known else naive.decimal(raw, 255))
        elif form != "text":
            column = ONCE.get(option["to"]) or naive.PER_TUPLE[option["to"]][reply]
            self.put(column, naive.decimal(raw, naive.FORMS[form]))

    def put(self, column, value, error="bad number"):
        if column in self.row:
            raise naive.RejectError("repeated token")
        if value < 0:
            raise naive.RejectError(error)
        self.row[column] = value

    def check(self):
        if ct.PROTOCOL_NUMBER not in self.row or not {0, 1} <= self.ips.keys():
            raise naive.RejectError("incomplete tuple")
        if self.told is None:
            raise naive.RejectError("no status")
        self.row[ct.FLAGS] = 0 if "SEEN_REPLY" in self.told else ct.UNREPLIED
        self.row[ct.FLAGS] |= ct.ASSURED if "ASSURED" in self.told else 0
        for here, there in MIRROR:
            self.ips.setdefault(there, self.ips[here])
        for here, there in ((ct.DST_PORT, ct.REPLY_SRC_PORT), (ct.SRC_PORT, ct.REPLY_DST_PORT)):
            if here in self.row:
                self.row.setdefault(there, self.row[here])
        protocol = naive.BY_NUMBER.get(self.row[ct.PROTOCOL_NUMBER], {})
        needed = (
            [ct.SRC_PORT, ct.DST_PORT, ct.REPLY_SRC_PORT, ct.REPLY_DST_PORT] if protocol.get("ports") else []
        )
        needed += [ct.ICMP_TYPE, ct.ICMP_CODE, ct.ICMP_ID] if protocol.get("echo") else []
        if not self.row.keys() >= set(needed):
            raise naive.RejectError("incomplete tuple")
        if protocol.get("echo") and all(self.ips[here] == self.ips[there] for here, there in MIRROR):
            self.row[ct.REPLY_ICMP_ID] = self.row[ct.ICMP_ID]

package shop

// openings of a remark.
var openings = []string{
	"Please", "If nobody answers,", "On weekdays,", "After six,", "Before noon,", "Weather permitting,",
	"As last time,", "When the gate is shut,", "For the second floor:", "In any case,",
}

// wishes of a remark.
var wishes = []string{
	"leave it with the neighbour", "ring twice", "call half an hour ahead", "use the side gate",
	"hand it over in person", "stack it by the shed", "put it behind the counter", "carry it up the stairs",
	"ask for the caretaker", "keep it dry", "take the old one along", "wait for a signature",
}

// reasons of a remark.
var reasons = []string{
	"the bell is broken", "the dog is friendly", "it is a gift", "no invoice in the box", "the lift is out of order",
	"the baby sleeps", "the box may be reused", "it is fragile", "the street is closed on Fridays",
	"we are in the workshop", "the name on the door is my sister's", "parking is at the back",
}

// packings of a line.
var packings = []string{
	"packed flat", "packed in straw", "no plastic", "in one box with the lid", "two boxes", "wrapped as a gift",
	"with spare screws", "with the manual", "without a manual", "upright only", "checked twice", "on a pallet",
}

// colours of a line.
var colours = []string{
	"in blue", "in moss green", "in grey", "in natural white", "in black", "in red if there is one", "any colour",
	"as in the shop window", "colour of the sample", "matching the last one",
}

// origins of a product, with signs that a careless reader breaks.
var origins = []string{
	"made in Gdańsk", "naïve glaze, crème", "東京の工房", "한국의 장인", "صنع يدوي", "хэндмейд", "Ελληνικό", "☕ & 🍞",
	"5\" × 7\"", `back\slash`, "tab\there", "two\nlines", "emoji 👩🏽‍🚀", "a < b && c > d", "zero\u200bwidth", "U+2028\u2028here",
}

func (d *dice) remark() (a, b, c string) { return d.of(openings), d.of(wishes), d.of(reasons) }

package shop

// The words that names and texts are made of.

type nation struct {
	name, capital, port string
	calling             string
}

// nations in the order of their keys.
var nations = []nation{
	{"Algeria", "Algiers", "Oran", "213"},
	{"Argentina", "Buenos Aires", "Rosario", "54"},
	{"Brazil", "Brasília", "Santos", "55"},
	{"Canada", "Ottawa", "Halifax", "1"},
	{"Chile", "Santiago", "Valparaíso", "56"},
	{"Denmark", "Copenhagen", "Aarhus", "45"},
	{"Egypt", "Cairo", "Alexandria", "20"},
	{"Ethiopia", "Addis Ababa", "Dire Dawa", "251"},
	{"Finland", "Helsinki", "Turku", "358"},
	{"France", "Paris", "Marseille", "33"},
	{"Germany", "Berlin", "Hamburg", "49"},
	{"Ghana", "Accra", "Tema", "233"},
	{"India", "New Delhi", "Kochi", "91"},
	{"Indonesia", "Jakarta", "Surabaya", "62"},
	{"Japan", "Tokyo", "Yokohama", "81"},
	{"Kenya", "Nairobi", "Mombasa", "254"},
	{"Mexico", "Mexico City", "Veracruz", "52"},
	{"Morocco", "Rabat", "Casablanca", "212"},
	{"New Zealand", "Wellington", "Tauranga", "64"},
	{"Peru", "Lima", "Callao", "51"},
	{"Poland", "Warsaw", "Gdańsk", "48"},
	{"Portugal", "Lisbon", "Porto", "351"},
	{"South Korea", "Seoul", "Busan", "82"},
	{"Vietnam", "Hanoi", "Da Nang", "84"},
	{"Uruguay", "Montevideo", "Colonia", "598"},
}

// firstNames of customers.
var firstNames = []string{
	"Abena", "Adam", "Aiko", "Alba", "Amara", "Anton", "Aylin", "Beatriz", "Bilal", "Carmen", "Chidi", "Clara",
	"Daniel", "Dao", "Elif", "Emil", "Esther", "Fatou", "Felix", "Freya", "Gustavo", "Hana", "Helmi", "Ibrahim",
	"Ingrid", "Iris", "Jamal", "João", "Jun", "Kaia", "Karim", "Kofi", "Lars", "Leila", "Linh", "Lucía",
	"Magda", "Marek", "Mei", "Nadia", "Noor", "Oskar", "Paula", "Rafael", "Ravi", "Sanna", "Selam", "Tomás",
	"Vera", "Wanjiru", "Yara", "Yusuf", "Zofia", "Émile",
}

// lastNames of customers.
var lastNames = []string{
	"Abebe", "Acheampong", "Almeida", "Andersen", "Bauer", "Benali", "Castro", "Chen", "Costa", "Diallo", "Dupont",
	"Eriksen", "Fernández", "Fischer", "García", "Haddad", "Hansen", "Horváth", "Ito", "Jensen", "Kamau", "Kaya",
	"Kim", "Korhonen", "Kowalska", "Kumar", "Lindqvist", "Marino", "Martín", "Mendes", "Mensah", "Moreau", "Müller",
	"Nakamura", "Nguyen", "Novák", "Nuñez", "Okafor", "Osei", "Park", "Pereira", "Petrov", "Quispe", "Rahman",
	"Rossi", "Santos", "Sato", "Silva", "Tesfaye", "Tran", "Virtanen", "Wójcik",
}

// streets of addresses.
var streets = []string{
	"Mill Lane", "Harbour Street", "Station Road", "Church Hill", "Garden Row", "Rope Walk", "Market Square",
	"Lighthouse Way", "Orchard Street", "Bridge Road", "Foundry Lane", "North Quay", "Old Customs House", "Canal Side",
	"Linden Avenue", "Tannery Yard",
}

// segments of the market.
var segments = []string{"household", "hospitality", "public sector", "trade", "workshop"}

// priorities of orders.
var priorities = []string{"1-urgent", "2-high", "3-medium", "4-low", "5-whenever"}

// modes of shipping.
var modes = []string{"air", "bike courier", "freight rail", "mail", "sea", "truck", "van"}

// instructions for handing over.
var instructions = []string{"collect in person", "deliver to the door", "leave with neighbour", "pay on delivery"}

// qualities of a part.
var qualities = []string{
	"small", "large", "tall", "low", "folding", "stackable", "hand-made", "second-hand", "polished", "raw", "oiled",
	"painted", "outdoor", "quiet", "heavy", "light",
}

// materials of a part.
var materials = []string{
	"ash", "birch", "brass", "canvas", "cherry", "copper", "cork", "enamel", "felt", "glass", "iron", "leather",
	"linen", "oak", "pine", "porcelain", "steel", "stone", "walnut", "wool",
}

// things to buy.
var things = []string{
	"armchair", "bench", "bookshelf", "bowl", "bread board", "bucket", "candle holder", "chest", "clock", "coat rack",
	"coffee grinder", "cushion", "desk lamp", "door mat", "drawer unit", "egg timer", "frying pan", "garden table",
	"hammock", "jug", "kettle", "ladder", "lantern", "letter box", "mirror", "mortar", "picture frame", "planter",
	"rug", "salad servers", "shoe horn", "side table", "stool", "tea pot", "toolbox", "tray", "umbrella stand",
	"vase", "watering can", "whisk",
}

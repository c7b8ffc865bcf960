package strain

// Doubt is in the error of a Seal that found that servers died since the generation was
// made, so that writes which they had confirmed may be undone. Who means to compare every
// document with its source notes Meta.Doubted, and seals again.
type Doubt struct{}

func (*Doubt) Error() string { return "documents that it had acknowledged may be gone" }

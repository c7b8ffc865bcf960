package kafka

import (
	"encoding/binary"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzAnswer: no answer makes the process panic or take memory that did not come.
func FuzzAnswer(f *testing.F) {
	keys := []protocol.ApiKey{protocol.ApiVersions, protocol.Metadata, protocol.ListOffsets, protocol.FindCoordinator, protocol.OffsetFetch, protocol.DescribeConfigs, protocol.SaslAuthenticate}
	for i, key := range keys {
		for version := key.MinVersion(); version <= key.MaxVersion(); version++ {
			sample := kmsg.ResponseForKey(int16(key))
			sample.SetVersion(version)
			f.Add(uint8(i), version, sample.AppendTo(nil))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, version int16, body []byte) {
		key := keys[int(which)%len(keys)]
		if version < key.MinVersion() || version > key.MaxVersion() || len(body) > 1<<16 {
			return
		}
		answer := append(binary.BigEndian.AppendUint32(nil, 7), body...)
		_, _ = decodeAnswer(answer, key, version, 7)
	})
}

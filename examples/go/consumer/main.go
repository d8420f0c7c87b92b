// A consumer of events: prints what happens to one cluster or credential, until
// an event comes that is waited for.
//
//	consumer ID NAME      such as: consumer 0b9c… running
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What is not named here is ignored: more keys may come.
type event struct {
	ID       string
	Type     string
	Subject  string
	Sequence string // compares as numbers do
	Data     struct {
		Phase       string
		PhasesDone  int `json:"phases_done"`
		PhasesTotal int `json:"phases_total"`
		Reason      string
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: consumer ID NAME")
	}
	subject, awaited := os.Args[1], os.Args[2]
	queue := os.Getenv("QUEUE")
	if queue == "" {
		queue = "consumer.dashboard"
	}
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	defer connection.Close()
	channel, err := connection.Channel()
	must(err)
	must(channel.Qos(20, 0, false))
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	must(err)

	seen := map[string]bool{}
	newest := ""
	for delivery := range deliveries {
		var e event
		must(json.Unmarshal(delivery.Body, &e))
		done := false
		if e.Subject == subject && !seen[e.ID] {
			seen[e.ID] = true // delivery is at least once
			name := strings.SplitN(e.Type, ".", 5)[4]
			fmt.Println(e.Sequence, name, e.Data.Phase,
				fmt.Sprintf("%d/%d", e.Data.PhasesDone, e.Data.PhasesTotal),
				e.Data.Reason)
			// Events may overtake each other: only a newer one tells the status.
			if e.Sequence > newest {
				newest = e.Sequence
				done = name == awaited
			}
		}
		must(delivery.Ack(false)) // once it is dealt with
		if done {
			return
		}
	}
	log.Fatal("the broker has closed the connection")
}
